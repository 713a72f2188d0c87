{{
    config(
        unique_key='booking_id',
        indexes=[
            {'columns': ['booking_id'], 'unique': true},
            {'columns': ['player_id', 'starts_at']},
            {'columns': ['bay_id', 'starts_at']}
        ]
    )
}}

with bookings as (

    select * from {{ ref('stg_trackman_backend__bookings') }} where not is_deleted

),

bays as (

    select * from {{ ref('stg_trackman_backend__bays') }}

),

facilities as (

    select * from {{ ref('stg_trackman_backend__facilities') }}

),

payments as (

    select
        booking_id,
        count(*) as count_payments,
        sum(case when is_settled then amount else 0 end) as settled_amount,
        sum(case when is_settled then amount_eur else 0 end) as settled_amount_eur
    from {{ ref('fct_payments') }}
    group by booking_id

),

final as (

    select
        -- keys
        bookings.booking_id,
        bookings.player_id,
        bookings.bay_id,
        bays.facility_id,
        -- attributes
        bookings.booking_status,
        bookings.party_size,
        -- money
        bookings.currency,
        bookings.price,
        coalesce(payments.count_payments, 0) as count_payments,
        cast(coalesce(payments.settled_amount, 0) as decimal(18, 2)) as settled_amount,
        cast(coalesce(payments.settled_amount_eur, 0) as decimal(18, 4))
            as settled_amount_eur,
        -- times
        bookings.starts_at,
        bookings.ends_at,
        cast({{ local_time('bookings.starts_at', 'facilities.time_zone') }} as date) as local_date,
        {{ minutes_between('bookings.starts_at', 'bookings.ends_at') }} as booked_minutes,
        {{ minutes_between('bookings.created_at', 'bookings.starts_at') }} / 60 as lead_hours,
        bookings.created_at,
        bookings.updated_at,
        -- loading
        bookings._sdc_sequence
    from bookings
    left join bays on bookings.bay_id = bays.bay_id
    left join facilities on bays.facility_id = facilities.facility_id
    left join payments on bookings.booking_id = payments.booking_id

)

select * from final
