{#
  Condition for the versions in a change log that the table being built has not seen. Lake only.

  It is made of numbers that are read beforehand, not of subqueries, so that the planner of Athena
  skips the files of the log that hold nothing new. For a table with partitions the merge gets as
  numbers, too, which partitions of it the new versions belong to, so that it reads no others. The
  condition ends at the greatest number seen then: a version that the loader commits a moment
  later may belong to another partition, and waits for the next build.

  Args: those of current_rows.
#}
{% macro new_versions(relation, always_set, partition) -%}
  {%- set known = watermark('_sdc_sequence') | int -%}
  {%- if not partition -%}
    _sdc_sequence > {{ known }}
  {%- else -%}
    {%- set changed = run_query(
        "select date_trunc('" ~ partition ~ "', " ~ always_set ~ ") as period, "
        ~ "max(_sdc_sequence) as newest from " ~ relation
        ~ " where _sdc_sequence > " ~ known ~ " group by 1 order by 1"
    ).rows if execute else [] -%}
    {%- do touch_only(changed | map(attribute=0) | list, always_set, partition) -%}
    _sdc_sequence between {{ known + 1 }}
      and {{ changed | map(attribute=1) | max if changed else known }}
  {%- endif -%}
{%- endmacro %}


{#
  Condition that keeps an incremental model to the partitions in which rows changed, for the planner
  to see; nothing on Postgres, which has indexes.

  Args:
    relation: where the rows are.
    key: column that identifies a row.
    changed: query for the keys of changed rows.
    column: a time that a row never changes, which the model is partitioned by.
    partition: `month` or `year`.
#}
{% macro and_in_touched_partitions(relation, key, changed, column, partition) -%}
  {{ return(adapter.dispatch('and_in_touched_partitions', 'trackman')(
      relation, key, changed, column, partition
  )) }}
{%- endmacro %}

{% macro postgres__and_in_touched_partitions(relation, key, changed, column, partition) -%}
{%- endmacro %}

{% macro athena__and_in_touched_partitions(relation, key, changed, column, partition) -%}
  {%- set periods = run_query(
      "select distinct date_trunc('" ~ partition ~ "', " ~ column ~ ") from " ~ relation
      ~ " where " ~ key ~ " in (" ~ changed ~ ")"
  ).columns[0].values() | list if execute else [] -%}
  {%- do touch_only(periods, column, partition) -%}
  {%- if none not in periods -%}
    and ({{ in_periods(column, periods, partition) }})
  {%- endif -%}
{%- endmacro %}


{#
  Tell the merge which partitions of its target it may read.

  Args:
    periods: their starts, times. A NULL among them is that of tombstones, which do not say where
      their rows are: the merge reads the keys of all partitions then.
    column: the column that the target is partitioned by.
    partition: `month` or `year`.
#}
{% macro touch_only(periods, column, partition) -%}
  {#- Mended in place, for dbt knows no settings that are found at the build. -#}
  {%- set predicates = config.get('incremental_predicates') -%}
  {%- do predicates.clear() -%}
  {%- do predicates.append(
      'true' if none in periods else in_periods('target.' ~ column, periods, partition)
  ) -%}
{%- endmacro %}


{# Condition for times that lie in one of the periods with these starts. #}
{% macro in_periods(column, periods, partition) -%}
  {%- for start in periods -%}
    {%- set end = start.replace(year=start.year + 1) if partition == 'year'
      else start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1) -%}
    ({{ column }} >= {{ literal_time(start) }} and {{ column }} < {{ literal_time(end) }})
    {{- ' or ' if not loop.last }}
  {%- else -%}
    {{ column }} is null
  {%- endfor -%}
{%- endmacro %}

{% macro literal_time(time) -%}
  timestamp '{{ time.strftime('%Y-%m-%d %H:%M:%S') }} UTC'
{%- endmacro %}
