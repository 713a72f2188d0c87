{#
  The newest state of each row of a source table, with the rows that are gone.

  Here lies the difference between the destinations, and only staging asks for it:
    dataengineering-db  raw holds the current rows: the table as it is, under a view.
    trackman-lake       raw is a change log: the newest version of each key, merged into a table;
                        each build reads the versions that are new (macros/cross_db/new_versions.sql).

  A row that the source deleted for good keeps the values it had: raw holds them in the database; in
  the lake the log ends with a tombstone, which holds the key and nothing else, so the values are
  those of the version before it.

  Args:
    relation: the table, from source().
    key: names of the columns that identify a row.
    always_set: a column that is NULL in tombstones, of the same name in the model; in a row that is
      there only if the source has a value that cannot be held (`infinity`).
    partition: `month` or `year` of `always_set` for tables that grow large and whose keys are never
      used again. A build then reads only the partitions of the lake's table in which rows changed.
    since: a map from a column of the model, made by changed_in(), to the one whose change it tells.
    former: a map from a column of the model, made by former_values(), to the one (no comma is in
      its values) of which it lists the values that earlier builds saw.
#}
{% macro current_rows(
    relation, key, always_set='created_at', partition=none, since={}, former={}
) -%}
  {{ return(adapter.dispatch('current_rows', 'trackman')(
      relation, key, always_set, partition, since, former
  )) }}
{%- endmacro %}

{% macro postgres__current_rows(relation, key, always_set, partition, since, former) -%}
  {{ relation }}
{%- endmacro %}

{% macro athena__current_rows(relation, key, always_set, partition, since, former) -%}
  {%- set is_tombstone = '(src.is_deleted and src.' ~ always_set ~ ' is null)' -%}
  {%- set rules = {
      'is_deleted': 'replace', '_sdc_sequence': 'replace', '_sdc_batched_at': 'replace',
      '_sdc_deleted_at': 'replace'
  } -%}
  {%- for sequence, column in since.items() -%}
    {%- do rules.update({sequence: 'case when not ' ~ is_tombstone ~ ' and src.' ~ column
        ~ ' is distinct from target.' ~ column ~ ' then _new_ else _old_ end'}) -%}
  {%- endfor -%}
  {%- for list, column in former.items() -%}
    {#- All of them, for who asks may not have seen every build. A tombstone's is NULL. -#}
    {%- do rules.update({list: 'case when src.' ~ column ~ ' <> target.' ~ column
        ~ " then coalesce(_old_ || ',', '') || target." ~ column ~ ' else _old_ end'}) -%}
  {%- endfor -%}
  {{ config(
      unique_key=key,
      partitioned_by=[partition ~ '(' ~ always_set ~ ')'] if partition else none,
      incremental_predicates=['true'],
      update_condition='src._sdc_sequence > target._sdc_sequence',
      merge_update_columns_default_rule=
        'case when ' ~ is_tombstone ~ ' then _old_ else _new_ end',
      merge_update_columns_rules=rules
  ) }}
  {%- set is_unit_test = model.resource_type != 'model' -%}
  {#- Built before: what it says of a table is in that table's current rows, as tests expect. -#}
  {%- if not is_unit_test -%}
    {%- do ref('stg_loading__commits') -%}
  {%- endif -%}
  (
    select *
    from (
      select
        *,
        row_number() over (
          partition by {{ key | join(', ') }}
          order by case when _sdc_deleted_at is null then 0 else 1 end, _sdc_sequence desc
        ) as place
        {%- for column in ['_sdc_sequence', '_sdc_batched_at', '_sdc_deleted_at'] %},
        first_value({{ column }}) over (
          partition by {{ key | join(', ') }} order by _sdc_sequence desc
        ) as newest{{ column }}
        {%- endfor %}
      from {{ relation }}
      {% if not is_unit_test and is_incremental() -%}
      where {{ new_versions(relation, key[0], always_set, partition) }}
      {%- endif %}
    )
    where place = 1
  )
{%- endmacro %}


{# A column of the loader in current_rows: of the newest version, were it a tombstone. #}
{% macro newest(column) -%}
  {{ return(adapter.dispatch('newest', 'trackman')(column)) }}
{%- endmacro %}

{% macro postgres__newest(column) -%}
  {{ column }}
{%- endmacro %}

{% macro athena__newest(column) -%}
  newest{{ column }}
{%- endmacro %}


{#
  The `_sdc_sequence` of the version that changed a column, which the argument `since` of
  current_rows names; NULL on Postgres, where nothing is merged by it.
#}
{% macro changed_in() -%}
  {{ return(adapter.dispatch('changed_in', 'trackman')()) }}
{%- endmacro %}

{% macro postgres__changed_in() -%}
  cast(null as bigint)
{%- endmacro %}

{% macro athena__changed_in() -%}
  {{ newest('_sdc_sequence') }}
{%- endmacro %}


{#
  What a column held in the versions of the row that earlier builds saw, with a comma between; the
  argument `former` of current_rows names both. NULL if it never changed, and on Postgres.
#}
{% macro former_values() -%}
  cast(null as {{ text_type() }})
{%- endmacro %}
