{#
  Whether a row of a source table is gone: deleted for good in the source, as the loader found, or
  marked as deleted by the application.

  Args:
    soft: whether the application marks rows of this table, in the column deleted_at.
#}
{% macro is_deleted(soft) -%}
  {%- if soft -%}
    ({{ newest('_sdc_deleted_at') }} is not null or deleted_at is not null)
  {%- else -%}
    ({{ newest('_sdc_deleted_at') }} is not null)
  {%- endif -%}
{%- endmacro %}
