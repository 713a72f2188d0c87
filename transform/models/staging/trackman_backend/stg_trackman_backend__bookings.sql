with source as (

    select * from {{ current_rows(source('trackman_backend', 'bookings'), key=['booking_id']) }}

),

renamed as (

    select
        -- keys
        booking_id,
        player_id,
        bay_id,
        -- attributes
        status as booking_status,
        cast(party_size as integer) as party_size,
        price,
        trim(currency) as currency,
        -- times
        {{ range_start('during', 'timestamp with time zone') }} as starts_at,
        {{ range_end('during', 'timestamp with time zone') }} as ends_at,
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=false) }} as is_deleted,
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
