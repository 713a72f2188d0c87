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
  Tell the merge which partitions of its target it may read.

  Args:
    periods: their starts, times. A NULL among them is that of tombstones, which do not say where
      their rows are: the merge reads the keys of all partitions then.
    column: the column that the target is partitioned by.
    partition: `month` or `year`.
#}
{% macro touch_only(periods, column, partition) -%}
  {%- set predicates = config.get('incremental_predicates') -%}
  {%- do predicates.clear() -%}
  {%- if none in periods -%}
    {%- do predicates.append('true') -%}
  {%- else -%}
    {%- set ranges = [] -%}
    {%- for start in periods -%}
      {%- set end = start.replace(year=start.year + 1) if partition == 'year'
        else start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1) -%}
      {%- do ranges.append(
          'target.' ~ column ~ ' >= ' ~ literal_time(start)
          ~ ' and target.' ~ column ~ ' < ' ~ literal_time(end)
      ) -%}
    {%- endfor -%}
    {#- If nothing is new, no partition. -#}
    {%- do predicates.append(ranges | join(' or ') or 'target.' ~ column ~ ' is null') -%}
  {%- endif -%}
{%- endmacro %}

{% macro literal_time(time) -%}
  timestamp '{{ time.strftime('%Y-%m-%d %H:%M:%S') }} UTC'
{%- endmacro %}
