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
  Make a table of more partitions than one statement of Athena may write: a copy without partitions,
  and of it some partitions at a time.

  As dbt-athena does it, but for the names. What is filled takes the table's name when it is whole:
  a table that exists has no gap, which later builds would never look below their watermark for. And
  no two builds share a table that they fill. What a killed build leaves, the upkeep of the lake
  drops (orchestrate/lake_maintenance), for another build cannot tell that nobody fills it any more.
#}
{% macro create_table_as_with_partitions(temporary, relation, compiled_code, language='sql') -%}
  {%- set name = relation.identifier ~ adapter.generate_unique_temporary_table_suffix() -%}
  {%- set unfinished = api.Relation.create(
      database=relation.database, schema=relation.schema, identifier=name, type='table',
      s3_path_table_part=relation.s3_path_table_part or relation.identifier
  ) -%}
  {%- set copy = unfinished.incorporate(path={'identifier': name ~ '__tmp_not_partitioned'}) -%}
  {%- do run_query(create_table_as(temporary, copy, compiled_code, language, true)) -%}
  {%- set columns = adapter.get_columns_in_relation(copy) | map(attribute='quoted') | join(', ') -%}
  {%- set batches = get_partition_batches(sql=copy, as_subquery=False) -%}
  {%- for batch in batches -%}
    {%- do log('BATCH PROCESSING: ' ~ loop.index ~ ' OF ' ~ batches | length) -%}
    {%- set rows = 'select ' ~ columns ~ ' from ' ~ copy ~ ' where ' ~ batch -%}
    {%- if loop.first -%}
      {%- do run_query(create_table_as(temporary, unfinished, rows, language)) -%}
    {%- else -%}
      {%- do run_query('insert into ' ~ unfinished ~ ' (' ~ columns ~ ') ' ~ rows) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do rename_relation(unfinished, relation) -%}
  {%- do drop_relation(copy) -%}
{%- endmacro %}


{#
  Refuse to merge into more partitions than one statement of Athena may write. dbt-athena does it some
  partitions at a time, in as many commits: killed between them, it would leave versions out that
  later builds never look for, below their watermark.
#}
{% macro batch_iceberg_merge(tmp_relation, target_relation, merge_part, dest_cols_csv) -%}
  {%- do exceptions.raise_compiler_error(
      'what is new for ' ~ target_relation ~ ' lies in more than 100 partitions, which one merge of '
      ~ 'Athena cannot write; run dbt build --target lake --full-refresh --select '
      ~ target_relation.identifier ~ '+'
  ) -%}
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
