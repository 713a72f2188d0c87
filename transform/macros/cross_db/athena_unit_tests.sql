{#
  A unit test on Athena: dbt's own asks for the types of the columns by making a table of no rows,
  reading what Glue says of it and dropping it; here the query is asked, which takes one call.

  Returns and configuration are those of dbt's `materialization unit`.
#}
{% materialization unit, adapter='athena' -%}
  {%- set rows = config.get('expected_rows') -%}
  {%- set names = rows[0].keys() | list if rows else get_columns_in_query(sql) -%}
  {%- set quoted = {} -%}
  {%- for name in names -%}
    {%- do quoted.update({name | lower: adapter.quote(name | lower)}) -%}
  {%- endfor -%}
  {%- set expected = config.get('expected_sql')
    or get_expected_sql(rows, athena_types(sql, quoted) if rows else {}, quoted) -%}
  {% call statement('main', fetch_result=True) -%}
    {{ get_unit_test_sql(sql, expected, quoted.values() | list) }}
  {%- endcall %}
  {{ return({'relations': []}) }}
{%- endmaterialization %}


{#
  Athena's types of columns of a query, by name.

  Args:
    quoted: the columns: name to quoted name.
#}
{% macro athena_types(sql, quoted) -%}
  {#- One row, of NULLs that have the types. -#}
  {%- set query -%}
    select {% for column in quoted.values() -%}
      typeof({{ column }}){{ ', ' if not loop.last }}
    {%- endfor %}
    from (values 1) as one (number)
    left join (
      {{ get_empty_subquery_sql(sql) }}
    ) as tested on true
  {%- endset -%}
  {{ return(dict(zip(quoted, run_query(query).rows[0].values()))) }}
{%- endmacro %}
