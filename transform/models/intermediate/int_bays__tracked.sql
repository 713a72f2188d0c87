with bays as (

    select * from {{ ref('stg_trackman_backend__bays') }}

),

tracked as (

    select
        bay_id,
        facility_id,
        bay_status,
        firmware,
        is_deleted,
        updated_at
    from bays

)

select * from tracked
