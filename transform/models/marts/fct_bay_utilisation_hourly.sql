{{
    config(
        unique_key=['facility_id', 'local_hour'],
        indexes=[{'columns': ['facility_id', 'local_hour'], 'unique': true}],
        partitioned_by=['year(local_date)']
    )
}}

with occupied as (

    select
        facility_id,
        local_hour,
        sum(occupied_seconds) / 60 as occupied_minutes,
        count(distinct bay_id) as count_bays_occupied
    from {{ ref('int_bays__occupied_quarters') }}
    group by facility_id, local_hour

),

available as (

    select
        facility_id,
        local_hour,
        sum(available_seconds) / 60 as available_minutes
    from {{ ref('int_facilities__open_quarters') }}
    group by facility_id, local_hour

),

hours as (

    select facility_id, local_hour from occupied
    union
    select facility_id, local_hour from available

),

final as (

    select
        hours.facility_id,
        hours.local_hour,
        cast(hours.local_hour as date) as local_date,
        coalesce(occupied.count_bays_occupied, 0) as count_bays_occupied,
        coalesce(occupied.occupied_minutes, 0) as occupied_minutes,
        coalesce(available.available_minutes, 0) as available_minutes,
        case
            when available.available_minutes > 0
                then coalesce(occupied.occupied_minutes, 0) / available.available_minutes
        end as utilisation
    from hours
    left join occupied
        on hours.facility_id = occupied.facility_id and hours.local_hour = occupied.local_hour
    left join available
        on hours.facility_id = available.facility_id and hours.local_hour = available.local_hour

)

select * from final
