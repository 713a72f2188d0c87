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
        updated_at
    from players

)

select * from tracked
