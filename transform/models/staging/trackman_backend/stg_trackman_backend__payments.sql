with source as (

    select * from {{ current_rows(source('trackman_backend', 'payments'), key=['payment_id']) }}

),

renamed as (

    select
        -- keys
        payment_id,
        booking_id,
        player_id,
        -- attributes
        method as payment_method,
        status as payment_status,
        amount,
        tax_rate,
        trim(currency) as currency,
        cast(exchange_rate as decimal(38, 18)) as exchange_rate,
        amount_eur,
        -- times
        paid_at,
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=true) }} as is_deleted,
        _sdc_sequence,
        _sdc_batched_at
    from source

)

select * from renamed
