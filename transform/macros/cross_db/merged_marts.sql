{#
  Marts that grow large and are made of rows that change seldom.

  In the lake a build makes the rows anew whose sources changed, and merges them; a row of which
  nothing is left comes with its key and NULLs, and is removed. On Postgres the mart gives all its
  rows, and those that differ are replaced (macros/cross_db/replace_rows.sql).
#}

{# Whether this build makes only the rows that changed. #}
{% macro merges_changes() -%}
  {{ return(adapter.dispatch('merges_changes', 'trackman')()) }}
{%- endmacro %}

{% macro postgres__merges_changes() -%}
  {{ return(false) }}
{%- endmacro %}

{% macro athena__merges_changes() -%}
  {#- A unit test has no table to be incremental on. -#}
  {{ return(model.resource_type == 'model' and is_incremental()) }}
{%- endmacro %}


{#
  The rows that changed, with the keys of which nothing is left.

  Args:
    rows: name of the query for the rows.
    changed: name of the query for the keys.
    key: column that identifies a row.
#}
{% macro rows_or_nulls(rows, changed, key) -%}
  select
    {% for column in model.columns -%}
    {{ changed if column == key else rows }}.{{ column }}{{ ',' if not loop.last }}
    {% endfor -%}
  from {{ changed }}
  left join {{ rows }} on {{ changed }}.{{ key }} = {{ rows }}.{{ key }}
{%- endmacro %}


{#
  The keys in the lists that former_values() makes, a row each. Lake only.

  Args:
    relation: table with the lists.
    list: its column of them.
    key: name of the column given.
    condition: on the rows whose lists are read.
#}
{% macro former_keys(relation, list, key, condition) -%}
  select former.{{ key }}
  from {{ relation }}
  cross join unnest(split({{ list }}, ',')) as former ({{ key }})
  where {{ condition }}
{%- endmacro %}
