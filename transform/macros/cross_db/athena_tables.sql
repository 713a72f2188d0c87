{#
  What dbt-athena makes of a table of this project: Iceberg, those of unit tests too, to which it
  applies no setting of the model; a Hive table holds no time with its zone.
#}
{% macro resolve_table_type() -%}
  {{ return('iceberg') }}
{%- endmacro %}


{#
  Cast a value of a unit test: what cannot be cast fails, where dbt-athena gives NULL. A time that
  names its zone gets it, though Glue knows its column as `timestamp`, like all times in Iceberg.
#}
{% macro athena__safe_cast(field, type) -%}
  cast({{ field }} as {{
    'timestamp(6) with time zone' if field is string and field.endswith(" UTC'")
    else dml_data_type(type)
  }})
{%- endmacro %}
