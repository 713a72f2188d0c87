with uses as (

    select bay_id, started_at, ended_at
    from {{ ref('stg_trackman_backend__sessions') }}
    where not is_deleted and ended_at > started_at

    union all

    select bay_id, started_at, finished_at as ended_at
    from {{ ref('stg_trackman_backend__rounds') }}
    where not is_deleted and finished_at > started_at

),

with_earlier_end as (

    select
        *,
        max(ended_at) over (
            partition by bay_id
            order by started_at, ended_at
            rows between unbounded preceding and 1 preceding
        ) as earlier_end
    from uses

),

numbered as (

    select
        *,
        sum(case when earlier_end is null or started_at >= earlier_end then 1 else 0 end) over (
            partition by bay_id
            order by started_at, ended_at
            rows between unbounded preceding and current row
        ) as occupation_number
    from with_earlier_end

),

occupied as (

    select
        bay_id,
        min(started_at) as occupied_from,
        max(ended_at) as occupied_until
    from numbered
    group by bay_id, occupation_number

)

select * from occupied
