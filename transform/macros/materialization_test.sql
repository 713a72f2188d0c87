{# dbt's own, which also names the rules that a failing test `rules` found broken. #}
{% materialization test, default -%}
  {%- set made = dbt.materialization_test_default() -%}
  {%- if model.test_metadata and model.test_metadata.name == 'rules'
    and load_result('main').table.rows[0][0] | int -%}
    {%- for row in run_query(sql).rows -%}
      {%- do log(
        'Broken in ' ~ model.name ~ ': ' ~ row[0] ~ ' (rows: ' ~ row[1] ~ ', one is ' ~ row[2] ~ ')',
        info=True
      ) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(made) }}
{%- endmaterialization %}
