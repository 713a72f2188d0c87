{#
  The greatest value of a sequence in a table, 0 while it is empty.

  Postgres has an index on it. The lake has the greatest value of each file in the table's metadata,
  which costs nothing to read; a maximum of the column would read all of it.
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
  {%- set files = run_query(
      'select max(data.' ~ column ~ '.max), count(*) - count(data.' ~ column ~ '.max) from '
      ~ partitions_of(relation)
  ).rows[0] -%}
  {%- if files[1] -%}
    {#- A partition in which the column is not known, or NULL throughout. -#}
    {%- set files = run_query('select max(' ~ column ~ ') from ' ~ relation).rows[0] -%}
  {%- endif -%}
  {{ return(files[0] or 0) }}
{%- endmacro %}


{# The table of what Iceberg knows of a table's partitions; of the lake only. #}
{% macro partitions_of(relation) -%}
  {{ return(relation.incorporate(path={'identifier': relation.identifier ~ '$partitions'})) }}
{%- endmacro %}
