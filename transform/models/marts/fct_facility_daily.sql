{{
    config(
        unique_key=['facility_id', 'local_date'],
        indexes=[{'columns': ['facility_id', 'local_date'], 'unique': true}]
    )
}}

with utilisation as (

    select
        facility_id,
        local_date,
        sum(occupied_minutes) as occupied_minutes,
        sum(available_minutes) as available_minutes
    from {{ ref('fct_bay_utilisation_hourly') }}
    group by facility_id, local_date

),

sessions as (

    select
        facility_id,
        local_date,
        count(*) as count_sessions,
        count(distinct player_id) as count_players,
        cast(sum(count_strokes) as bigint) as count_strokes
    from {{ ref('fct_sessions') }}
    group by facility_id, local_date

),

bookings as (

    select
        facility_id,
        local_date,
        count(*) as count_bookings,
        sum(case when booking_status = 'cancelled' then 1 else 0 end) as count_cancelled,
        sum(case when booking_status = 'no-show' then 1 else 0 end) as count_no_shows,
        sum(settled_amount_eur) as revenue_eur
    from {{ ref('fct_bookings') }}
    group by facility_id, local_date

),

device_errors as (

    select
        bays.facility_id,
        cast({{ local_time('events.occurred_at', 'facilities.time_zone') }} as date) as local_date,
        count(*) as count_device_errors
    from {{ ref('stg_trackman_backend__device_events') }} as events
    inner join {{ ref('dim_bays') }} as bays on events.bay_id = bays.bay_id
    inner join {{ ref('dim_facilities') }} as facilities
        on bays.facility_id = facilities.facility_id
    where events.severity = 'error' and not events.is_deleted
    group by
        bays.facility_id,
        cast({{ local_time('events.occurred_at', 'facilities.time_zone') }} as date)

),

days as (

    select facility_id, local_date from utilisation
    union
    select facility_id, local_date from sessions
    union
    select facility_id, local_date from bookings
    union
    select facility_id, local_date from device_errors

),

final as (

    select
        days.facility_id,
        days.local_date,
        coalesce(sessions.count_sessions, 0) as count_sessions,
        coalesce(sessions.count_players, 0) as count_players,
        coalesce(sessions.count_strokes, 0) as count_strokes,
        coalesce(utilisation.occupied_minutes, 0) as occupied_minutes,
        coalesce(utilisation.available_minutes, 0) as available_minutes,
        coalesce(bookings.count_bookings, 0) as count_bookings,
        coalesce(bookings.count_cancelled, 0) as count_cancelled,
        coalesce(bookings.count_no_shows, 0) as count_no_shows,
        cast(coalesce(bookings.revenue_eur, 0) as decimal(18, 4)) as revenue_eur,
        coalesce(device_errors.count_device_errors, 0) as count_device_errors
    from days
    left join utilisation
        on days.facility_id = utilisation.facility_id
        and days.local_date = utilisation.local_date
    left join sessions
        on days.facility_id = sessions.facility_id and days.local_date = sessions.local_date
    left join bookings
        on days.facility_id = bookings.facility_id and days.local_date = bookings.local_date
    left join device_errors
        on days.facility_id = device_errors.facility_id
        and days.local_date = device_errors.local_date

)

select * from final
