{#
  Time is cut into quarters of an hour since 1970. Clocks differ from UTC by whole quarters, so a
  quarter lies within one hour of every clock, on days on which clocks are changed too.
#}

with occupied as (

    select
        bay_id,
        {{ epoch_seconds('occupied_from') }} as from_second,
        {{ epoch_seconds('occupied_until') }} as until_second
    from {{ ref('int_bays__occupied') }}

),

bays as (

    select * from {{ ref('stg_trackman_backend__bays') }}

),

facilities as (

    select * from {{ ref('stg_trackman_backend__facilities') }}

),

bounds as (

    select
        *,
        cast(floor(from_second / 900) as bigint) as first_quarter,
        cast(ceiling(until_second / 900) as bigint) - 1 as last_quarter
    from occupied

),

quarters as (

    select
        bounds.bay_id,
        bounds.from_second,
        bounds.until_second,
        quarters.n * 900 as quarter_start
    from bounds
    {{ cross_join_integers('bounds.first_quarter', 'bounds.last_quarter', 'quarters') }}

),

final as (

    select
        bays.facility_id,
        quarters.bay_id,
        date_trunc(
            'hour',
            {{ local_time(from_epoch_seconds('quarters.quarter_start'), 'facilities.time_zone') }}
        ) as local_hour,
        least(quarters.until_second, quarters.quarter_start + 900)
            - greatest(quarters.from_second, quarters.quarter_start) as occupied_seconds
    from quarters
    inner join bays on quarters.bay_id = bays.bay_id
    inner join facilities on bays.facility_id = facilities.facility_id

)

select * from final
