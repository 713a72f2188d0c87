{#
  The greatest value of a sequence in a table, 0 while it is empty.

  Postgres has an index on it. The lake has for each file the least and greatest value, which
  Athena skips files by but makes no maximum of: so the question is first asked of the latest
  values, and of all only if there are none. The numbers that the loader gives out are, as long as
  clocks are right, microseconds since 1970; were they not, this would read more and find the same.
#}
{% macro greatest_value(relation, column) -%}
  {{ return(adapter.dispatch('greatest_value', 'trackman')(relation, column)) }}
{%- endmacro %}

{% macro postgres__greatest_value(relation, column) -%}
  {{ return(
      run_query('select coalesce(max(' ~ column ~ '), 0) from ' ~ relation).columns[0][0]
  ) }}
{%- endmacro %}

{% macro athena__greatest_value(relation, column) -%}
  {%- set now = (run_started_at.timestamp() * 1000000) | int -%}
  {%- set found = namespace(value=none) -%}
  {%- for condition in [
      ' where ' ~ column ~ ' > ' ~ (now - 86400 * 1000000),
      ' where ' ~ column ~ ' > ' ~ (now - 30 * 86400 * 1000000),
      ''
  ] -%}
    {%- if found.value is none -%}
      {%- set found.value = run_query(
          'select max(' ~ column ~ ') from ' ~ relation ~ condition
      ).columns[0][0] -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(found.value or 0) }}
{%- endmacro %}
