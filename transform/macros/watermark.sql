{#
  The greatest value of a sequence in the table of an incremental model, 0 while it is empty.

  A number in the SQL rather than a subquery, so that the planner sees how few rows lie beyond it
  and takes the index.
#}
{% macro watermark(column) -%}
  {%- if execute -%}
    {{- run_query('select coalesce(max(' ~ column ~ '), 0) from ' ~ this).columns[0][0] -}}
  {%- endif -%}
{%- endmacro %}
