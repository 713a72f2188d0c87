{#
  Condition for the versions in a change log that the table being built has not seen. Lake only.

  It is made of numbers that are read beforehand, not of subqueries, so that the planner of Athena
  skips the files of the log that hold nothing new. For a table with partitions the merge gets as
  numbers, too, which partitions of it the new versions belong to, so that it reads no others; those
  of tombstones, which hold nothing but a key, are looked up in it. The condition ends at the
  greatest number seen then: a version that the loader commits a moment later may belong to another
  partition, and waits for the next build.

  Args: those of current_rows, but of the key its first column.
#}
{% macro new_versions(relation, key, always_set, partition) -%}
  {%- set known = watermark('_sdc_sequence') | int -%}
  {%- if not partition -%}
    _sdc_sequence > {{ known }}
  {%- else -%}
    {%- set changed = run_query(
        "select date_trunc('" ~ partition ~ "', " ~ always_set ~ ") as period, "
        ~ "max(_sdc_sequence) as newest from " ~ relation
        ~ " where _sdc_sequence > " ~ known ~ " group by 1 order by 1"
    ).rows if execute else [] -%}
    {%- set is_new -%}
      _sdc_sequence between {{ known + 1 }}
        and {{ changed | map(attribute=1) | max if changed else known }}
    {%- endset -%}
    {%- set periods = changed | map(attribute=0) | list -%}
    {%- if none in periods -%}
      {%- set gone = 'select ' ~ key ~ ' from ' ~ relation ~ ' where ' ~ is_new ~ ' and '
        ~ always_set ~ ' is null' -%}
      {%- do periods.remove(none) -%}
      {%- do periods.extend(run_query(
          "select distinct date_trunc('" ~ partition ~ "', " ~ always_set ~ ") from " ~ this
          ~ " where " ~ key ~ " in (" ~ gone ~ ") and " ~ in_ranges(key, key_ranges(gone, key))
      ).columns[0].values()) -%}
    {%- endif -%}
    {%- do touch_only(in_periods('target.' ~ always_set, periods, partition)) -%}
    {{ is_new }}
  {%- endif -%}
{%- endmacro %}


{#
  Tell the merge which rows of its target it may read.

  Args:
    condition: on columns of `target`, made of literals.
#}
{% macro touch_only(condition) -%}
  {#- Mended in place, for dbt knows no settings that are found at the build. -#}
  {%- set predicates = config.get('incremental_predicates') -%}
  {%- do predicates.clear() -%}
  {%- do predicates.append(condition) -%}
{%- endmacro %}


{#
  Whether a row to be merged (`src`) is as new as the one that is here (`target`): of two builds at
  once, the one that read less may end last.

  Args:
    own: column, the number of the version that the row is made of.
    other: column, that of a row that this version refers to, so that the numbers of one version can
      be compared; NULL if that is missing.
#}
{% macro not_older(own, other) -%}
  (src.{{ own }} > target.{{ own }} or (src.{{ own }} = target.{{ own }}
    and coalesce(src.{{ other }}, 0) >= coalesce(target.{{ other }}, 0)))
{%- endmacro %}


{# Condition for times that lie in one of the periods with these starts; NULL is a period, too. #}
{% macro in_periods(column, periods, partition) -%}
  (
  {%- for start in periods | unique | reject('none') -%}
    {%- set end = start.replace(year=start.year + 1) if partition == 'year'
      else start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1) -%}
    ({{ column }} >= {{ literal_time(start) }} and {{ column }} < {{ literal_time(end) }}) or{{ ' ' }}
  {%- endfor -%}
  {{ column ~ ' is null' if none in periods or not periods else 'false' }})
{%- endmacro %}

{% macro literal_time(time) -%}
  timestamp '{{ time.strftime('%Y-%m-%d %H:%M:%S') }} UTC'
{%- endmacro %}
