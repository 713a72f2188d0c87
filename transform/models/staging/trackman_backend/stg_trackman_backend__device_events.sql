with source as (

    select * from {{ current_rows(source('trackman_backend', 'device_events'), key=['event_id']) }}

),

renamed as (

    select
        -- keys
        event_id,
        bay_id,
        -- attributes
        severity,
        code as event_code,
        message,
        -- times
        occurred_at,
        received_at,
        -- loading
        {{ is_deleted(soft=false) }} as is_deleted,
        _sdc_sequence,
        _sdc_batched_at
    from source

)

select * from renamed
