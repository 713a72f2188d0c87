with source as (

    select * from {{ current_rows(
        source('trackman_backend', 'payments'), key=['payment_id'], partition='year'
    ) }}

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
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
