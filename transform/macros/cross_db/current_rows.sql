{#
  The newest state of each row of a source table, with the rows that are gone.

  Here lies the difference between the destinations, and only staging asks for it:
    dataengineering-db  raw holds the current rows: the table as it is.
    trackman-lake       raw is a change log: the newest version of each key.

  Args:
    relation: the table, from source().
    key: names of the columns that identify a row.
#}
{% macro current_rows(relation, key) -%}
  {{ return(adapter.dispatch('current_rows', 'trackman')(relation, key)) }}
{%- endmacro %}

{% macro postgres__current_rows(relation, key) -%}
  {{ relation }}
{%- endmacro %}
