{# The greatest date of a column in the table of an incremental model, one day earlier. #}
{% macro last_day(column) -%}
  {%- if execute -%}
    {%- set last = run_query('select max(' ~ column ~ ') from ' ~ this).columns[0][0] -%}
    {{- (last or modules.datetime.date(1970, 1, 2)) - modules.datetime.timedelta(days=1) -}}
  {%- endif -%}
{%- endmacro %}
