{#
  Each row names a row that exists. In place of dbt's `relationships`, which compares two marts: the
  loader may commit between the builds of the two, and commits one stream after the other.

  So the other row is looked for in staging, where it is as soon as it has arrived, and judged are
  the rows of runs in which the other table was committed too. The query sees one moment of all of
  them. That the other mart holds the row too is what `not_behind` tests there.

  Args:
    column_name: column of the model.
    to: the staging model of the other table.
    field: its column.
    table: source table that the model's `_sdc_sequence` belongs to.
    to_table: the other source table.
#}
{% test refers_to(model, column_name, to, field, table, to_table) %}
with commits as (

    select * from {{ ref('stg_loading__commits') }}

),

judged as (

    select max(sequence_to) as sequence
    from commits
    where table_name = '{{ table }}'
        and (
            run_id in (select run_id from commits where table_name = '{{ to_table }}')
            or committed_at < (
                select max(committed_at) from commits where table_name = '{{ to_table }}'
            )
        )

)

select child.*
from {{ model }} as child
left join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
where child._sdc_sequence <= (select sequence from judged)
    and child.{{ column_name }} is not null
    and parent.{{ field }} is null
{% endtest %}
