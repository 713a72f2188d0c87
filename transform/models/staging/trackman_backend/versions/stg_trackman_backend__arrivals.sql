{%- set tables = [
    'facilities', 'bays', 'players', 'clubs', 'sessions', 'strokes', 'courses', 'course_holes',
    'rounds', 'round_holes', 'bookings', 'payments', 'device_events'
] -%}

with source as (

    {% for table in tables -%}
    select
        '{{ table }}' as table_name,
        {{ 'received_at' if table == 'device_events' else 'updated_at' }} as changed_at,
        _sdc_batched_at,
        _sdc_deleted_at,
        _sdc_sequence
    from {{ source('trackman_backend', table) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

renamed as (

    select
        -- keys
        table_name,
        _sdc_sequence,
        -- times
        changed_at,
        _sdc_batched_at
    from source
    -- The source tells no time of a row that is deleted for good.
    where _sdc_deleted_at is null

)

select * from renamed
