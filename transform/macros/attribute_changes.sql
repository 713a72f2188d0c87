{#
  Of all versions of a table's rows, those that differ from the version before in an attribute or
  in whether the row is deleted; each is valid until the next of its key.

  Args:
    versions: relation with the versions, numbered by `_sdc_sequence`.
    key: column that tells whose version it is.
    attributes: columns that are compared.
#}
{% macro attribute_changes(versions, key, attributes) -%}
with versions as (

    select
        *,
        {% for column in attributes + ['is_deleted'] -%}
        coalesce(cast({{ column }} as {{ text_type() }}), '')
            {{- " || '|' || " if not loop.last }}
        {%- endfor %} as attributes
    from {{ versions }}

),

compared as (

    select
        *,
        lag(attributes) over (partition by {{ key }} order by _sdc_sequence) as previous_attributes
    from versions

),

changes as (

    select *
    from compared
    where previous_attributes is null or attributes <> previous_attributes

),

final as (

    select
        {{ key }},
        {% for column in attributes -%}
        {{ column }},
        {% endfor -%}
        is_deleted,
        changed_at as valid_from,
        lead(changed_at) over (partition by {{ key }} order by _sdc_sequence) as valid_to,
        _sdc_batched_at as arrived_at,
        _sdc_sequence
    from changes

)

select * from final

{%- endmacro %}
