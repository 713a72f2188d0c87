with source as (

    select * from {{ current_rows(
        source('trackman_backend', 'device_events'), key=['event_id'], always_set='occurred_at', partition='year'
    ) }}

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
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
