{#
  Hook of an incremental model: remove the rows that came to overwrite one that is gone. Athena's
  merge does so itself (`delete_condition`, `insert_condition`).

  Args:
    mark: the column that marks them.
#}
{% macro delete_marked_rows(mark) -%}
  {{ return(adapter.dispatch('delete_marked_rows', 'trackman')(mark)) }}
{%- endmacro %}

{% macro postgres__delete_marked_rows(mark) -%}
  delete from {{ this }} where {{ mark }}
{%- endmacro %}

{% macro athena__delete_marked_rows(mark) -%}
{%- endmacro %}
