{#
  The greatest value of a sequence in the table of an incremental model, 0 while it is empty.

  A number in the SQL rather than a subquery, so that the planner sees how few rows lie beyond it.
#}
{% macro watermark(column) -%}
  {%- if execute -%}
    {{- greatest_value(this, column) -}}
  {%- endif -%}
{%- endmacro %}
