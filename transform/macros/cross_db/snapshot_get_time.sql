{# The time of a snapshot with its zone, as all times here; dbt's own on Postgres has none. #}
{% macro postgres__snapshot_get_time() -%}
  {{ current_timestamp() }}
{%- endmacro %}

{% macro athena__snapshot_get_time() -%}
  cast(current_timestamp as timestamp(6) with time zone)
{%- endmacro %}
