{#
  Clean names (staging, marts, snapshots) for the shared build. Whoever sets
  DBT_SCHEMA_PREFIX=anna builds anna_staging, anna_marts and so on, beside them.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- set prefix = env_var('DBT_SCHEMA_PREFIX', '') -%}
  {%- set name = custom_schema_name or target.schema -%}
  {{- (prefix ~ '_' ~ name) if prefix else name -}}
{%- endmacro %}
