{#
  Incremental strategy `replace_rows`: make the table hold what the query gives, touching only the
  rows that differ. Postgres only; other engines replace the whole table.

  dbt's own way on Postgres is to build a second table, swap the names and drop the old one
  CASCADE: that drops the views that others made on it, and while one long query reads the old
  table, the swap waits, and every new reader waits behind it. Here readers see the old rows until
  the commit and nobody waits; indexes, grants and views stay.

  The model gives all its rows at each build, and names its key in `unique_key`.
#}
{% macro get_incremental_replace_rows_sql(arg_dict) %}
  {%- set target = arg_dict['target_relation'] -%}
  {%- set temp = arg_dict['temp_relation'] -%}
  {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | list -%}
  {%- set key = arg_dict['unique_key'] -%}
  {%- set key = [key] if key is string else key -%}

  {#- Without statistics the planner takes the rows for few and compares each with each. #}
  analyze {{ temp }};

  delete from {{ target }} as old
  where not exists (
    select 1
    from {{ temp }} as new
    where {% for name in key %}new.{{ name }} = old.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
      and row({% for name in columns %}new.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
        is not distinct from
        row({% for name in columns %}old.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
  );

  insert into {{ target }} ({{ columns | join(', ') }})
  select {{ columns | join(', ') }}
  from {{ temp }} as new
  where not exists (
    select 1
    from {{ target }} as old
    where {% for name in key %}old.{{ name }} = new.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
  )
{% endmacro %}
