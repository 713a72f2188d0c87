{# The time that bays could be used, in the quarters of int_bays__occupied_quarters. #}

with facilities as (

    select
        facility_id,
        time_zone,
        opens_at_minute,
        -- Not every engine's time type holds 24:00: there it is NULL.
        case
            when closes_at_minute is null then 1440
            when closes_at_minute <= opens_at_minute then closes_at_minute + 1440
            else closes_at_minute
        end as closes_at_minute
    from {{ ref('stg_trackman_backend__facilities') }}
    where not is_deleted

),

bays as (

    select * from {{ ref('stg_trackman_backend__bays') }} where not is_deleted

),

occupied as (

    select * from {{ ref('int_bays__occupied') }}

),

-- From the first to the last day on which a bay of the facility was used.
days_in_use as (

    select
        facilities.facility_id,
        facilities.time_zone,
        facilities.opens_at_minute,
        facilities.closes_at_minute,
        min(date_trunc('day', {{ local_time('occupied.occupied_from', 'facilities.time_zone') }}))
            as first_day,
        max(date_trunc('day', {{ local_time('occupied.occupied_from', 'facilities.time_zone') }}))
            as last_day
    from occupied
    inner join bays on occupied.bay_id = bays.bay_id
    inner join facilities on bays.facility_id = facilities.facility_id
    group by
        facilities.facility_id,
        facilities.time_zone,
        facilities.opens_at_minute,
        facilities.closes_at_minute

),

lengths as (

    select
        *,
        cast(floor(
            {{ minutes_between(
                moment_of_local_time('first_day', "'UTC'"),
                moment_of_local_time('last_day', "'UTC'")
            ) }} / 1440
        ) as bigint) as count_later_days
    from days_in_use

),

days as (

    select
        lengths.facility_id,
        lengths.time_zone,
        lengths.opens_at_minute,
        lengths.closes_at_minute,
        lengths.first_day + days.n * interval '1' day as local_day
    from lengths
    {{ cross_join_integers('0', 'lengths.count_later_days', 'days') }}

),

openings as (

    select
        days.facility_id,
        days.time_zone,
        days.local_day,
        {{ epoch_seconds(moment_of_local_time(
            "(days.local_day + days.opens_at_minute * interval '1' minute)", 'days.time_zone'
        )) }} as opens_at_second,
        {{ epoch_seconds(moment_of_local_time(
            "(days.local_day + days.closes_at_minute * interval '1' minute)", 'days.time_zone'
        )) }} as closes_at_second,
        count(*) as count_bays
    from days
    inner join bays
        on days.facility_id = bays.facility_id
        and (bays.installed_on is null or cast(bays.installed_on as timestamp(6)) <= days.local_day)
    group by
        days.facility_id,
        days.time_zone,
        days.local_day,
        days.opens_at_minute,
        days.closes_at_minute

),

bounds as (

    select
        *,
        cast(floor(opens_at_second / 900) as bigint) as first_quarter,
        cast(ceiling(closes_at_second / 900) as bigint) - 1 as last_quarter
    from openings

),

quarters as (

    select
        bounds.facility_id,
        bounds.time_zone,
        bounds.opens_at_second,
        bounds.closes_at_second,
        bounds.count_bays,
        quarters.n * 900 as quarter_start
    from bounds
    {{ cross_join_integers('bounds.first_quarter', 'bounds.last_quarter', 'quarters') }}

),

final as (

    select
        facility_id,
        date_trunc('hour', {{ local_time(from_epoch_seconds('quarter_start'), 'time_zone') }})
            as local_hour,
        count_bays
            * (least(closes_at_second, quarter_start + 900)
                - greatest(opens_at_second, quarter_start)) as available_seconds
    from quarters

)

select * from final
