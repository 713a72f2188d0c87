{{
    config(
        unique_key='club_id',
        indexes=[{'columns': ['club_id'], 'unique': true}, {'columns': ['player_id']}]
    )
}}

with clubs as (

    select * from {{ ref('stg_trackman_backend__clubs') }}

),

club_types as (

    select * from {{ ref('stg_trackman_backend__club_types') }}

),

final as (

    select
        clubs.club_id,
        clubs.player_id,
        clubs.club_type_id,
        club_types.club_code,
        club_types.club_type,
        club_types.club_category,
        club_types.sort_order,
        clubs.brand,
        clubs.club_model,
        clubs.shaft_flex,
        clubs.loft,
        clubs.lie,
        clubs.club_length,
        clubs.acquired_on,
        clubs.is_active,
        clubs.created_at,
        clubs.updated_at,
        clubs.is_deleted,
        clubs._sdc_sequence
    from clubs
    left join club_types on clubs.club_type_id = club_types.club_type_id

)

select * from final
