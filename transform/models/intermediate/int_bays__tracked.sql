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
        -- A row deleted for good bears the time of its last change.
        coalesce(_sdc_deleted_at, updated_at) as updated_at
    from bays

)

select * from tracked
