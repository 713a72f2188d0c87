with players as (

    select * from {{ ref('stg_trackman_backend__players') }}

),

tracked as (

    select
        player_id,
        home_facility_id,
        handicap,
        membership_starts_on,
        membership_ends_on,
        is_deleted,
        -- A row deleted for good bears the time of its last change.
        coalesce(_sdc_deleted_at, updated_at) as updated_at
    from players

)

select * from tracked
