{#
  What dbt-athena makes of a table of this project: Iceberg, those of unit tests too, to which it
  applies no setting of the model; a Hive table holds no time with its zone.
#}
{% macro resolve_table_type() -%}
  {{ return('iceberg') }}
{%- endmacro %}


{#
  Drop a table by Athena's statement, which removes the files of an Iceberg table too. dbt-athena
  asks Glue first what the table is, and lists and deletes the files itself: seven calls.
#}
{% macro athena__drop_relation(relation) -%}
  {%- do drop_relation_sql(relation) -%}
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
