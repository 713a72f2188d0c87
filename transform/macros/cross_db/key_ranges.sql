{#
  Ranges that hold the keys which a query gives, read before the query they are for: at most 1,000, of
  one key each if there are no more keys.

  Athena skips the files and the parts of files whose keys all lie outside of the ranges it finds as
  literals; of keys that grow with time (numbers that are counted up, UUIDs of version 7) the changed
  ones lie close together. Of more than 1,000 keys Trino keeps only the outer bounds
  (ICEBERG_DOMAIN_COMPACTION_THRESHOLD of its IcebergSplitManager). Other keys are found as well, only
  more is read. Postgres has indexes.

  Args:
    query: gives the keys in a column of this name.
    column: numbers or text.

  Returns:
    Pairs of the least and the greatest key, as literals, in order; none on Postgres.
#}
{% macro key_ranges(query, column) -%}
  {{ return(adapter.dispatch('key_ranges', 'trackman')(query, column)) }}
{%- endmacro %}

{% macro postgres__key_ranges(query, column) -%}
  {{ return(none) }}
{%- endmacro %}

{% macro athena__key_ranges(query, column) -%}
  {%- set ranges = [] -%}
  {%- if execute -%}
    {%- for row in run_query(
        'select min(' ~ column ~ '), max(' ~ column ~ ') from (select ' ~ column
        ~ ', ntile(1000) over (order by ' ~ column ~ ') as part from (select distinct ' ~ column
        ~ ' from (' ~ query ~ ') where ' ~ column ~ ' is not null)) group by part order by 1'
    ).rows -%}
      {%- do ranges.append((literal_key(row[0]), literal_key(row[1]))) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(ranges) }}
{%- endmacro %}

{% macro literal_key(key) -%}
  {{ return("'" ~ key | replace("'", "''") ~ "'" if key is string else key | string) }}
{%- endmacro %}


{#
  Condition for keys that lie in one of the ranges; true where ranges are of no use.

  DuckDB, under the local Athena, skips files by a list and by outer bounds, not by several ranges.
#}
{% macro in_ranges(column, ranges) -%}
  {%- if ranges is none -%}
    true
  {%- elif not ranges -%}
    {{ column }} is null
  {%- elif ranges | map('unique') | map('list') | map('length') | max == 1 -%}
    {{ column }} in ({{ ranges | map('first') | join(', ') }})
  {%- else -%}
    ({{ column }} between {{ ranges[0][0] }} and {{ ranges[-1][1] }} and (
    {#- Few, for each `or` lies within the one before it. -#}
    {%- for part in ranges | batch(40) -%}
      {{ column }} between {{ part[0][0] }} and {{ part[-1][1] }}{{ ' or ' if not loop.last }}
    {%- endfor -%}
    ))
  {%- endif -%}
{%- endmacro %}


{# Tell the merge which keys of its target it needs, so that it reads no others. #}
{% macro touch_only_keys(key, ranges) -%}
  {%- if ranges is not none -%}
    {%- do touch_only(in_ranges('target.' ~ key, ranges)) -%}
  {%- endif -%}
{%- endmacro %}
