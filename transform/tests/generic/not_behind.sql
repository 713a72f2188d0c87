{#
  A model holds each row of its source, in the newest version, and none that is gone.

  Judged are the rows that the model must know: those up to the greatest `_sdc_sequence` in it, and
  those committed more than ten seconds before this build began (a commit that ends while the build
  starts may wait for the next one).

  Args:
    source: the relation that the model is made from, with the column `_sdc_sequence`.
    table: name of the source table that this sequence belongs to.
    key: columns that identify a row in both.
    gone: condition on the source under which the model must not hold the row; none if it keeps all.
    other_sequences: columns of the same name in both that hold the sequences of further tables; a
      row is judged only up to the greatest in the model, for these tables may have moved on since.
#}
{% test not_behind(model, source, table, key, gone='false', other_sequences=[]) %}
with known as (

    select max(_sdc_sequence) as sequence
    from {{ model }}

    union all

    select max(sequence_to) as sequence
    from {{ ref('stg_loading__commits') }}
    where table_name = '{{ table }}'
        and committed_at < {{ from_epoch_seconds(run_started_at.timestamp() - 10) }}

),

due as (

    select
        {% for column in key -%}
        cast({{ column }} as {{ text_type() }}) as key_{{ loop.index }},
        {% endfor -%}
        _sdc_sequence,
        {{ gone }} as is_gone
    from {{ source }}
    where _sdc_sequence <= (select max(sequence) from known)
        {%- for sequence in other_sequences %}
        and {{ sequence }} <= (select max({{ sequence }}) from {{ model }})
        {%- endfor %}

),

held as (

    select
        {% for column in key -%}
        cast({{ column }} as {{ text_type() }}) as key_{{ loop.index }},
        {% endfor -%}
        _sdc_sequence
    from {{ model }}

)

select due.*, held._sdc_sequence as held_sequence
from due
left join held
    on {% for column in key %}due.key_{{ loop.index }} = held.key_{{ loop.index }}
    {{ 'and ' if not loop.last }}{% endfor -%}
where (due.is_gone and held.key_1 is not null)
    or (not due.is_gone and (held.key_1 is null or held._sdc_sequence < due._sdc_sequence))
{% endtest %}
