{{
    config(
        unique_key='payment_id',
        indexes=[{'columns': ['payment_id'], 'unique': true}, {'columns': ['booking_id']}]
    )
}}

with payments as (

    select * from {{ ref('stg_trackman_backend__payments') }} where not is_deleted

),

bookings as (

    select booking_id from {{ ref('stg_trackman_backend__bookings') }} where not is_deleted

),

net as (

    select
        *,
        cast(round(cast(amount as decimal(18, 6)) / (1 + tax_rate), 2) as decimal(18, 2))
            as net_amount
    from payments

),

final as (

    select
        -- keys
        net.payment_id,
        net.booking_id,
        net.player_id,
        -- attributes
        net.payment_method,
        net.payment_status,
        -- Money moved, as against asked for or refused.
        net.payment_status in ('paid', 'refunded') as is_settled,
        net.amount < 0 as is_refund,
        bookings.booking_id is null as is_booking_purged,
        -- money
        net.currency,
        net.amount,
        net.net_amount,
        cast(net.amount - net.net_amount as decimal(18, 2)) as tax_amount,
        net.tax_rate,
        net.exchange_rate,
        net.amount_eur,
        -- times
        net.paid_at,
        net.created_at,
        net.updated_at,
        -- loading
        net._sdc_sequence
    from net
    left join bookings on net.booking_id = bookings.booking_id

)

select * from final
