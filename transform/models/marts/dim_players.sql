{{ config(unique_key='player_id', indexes=[{'columns': ['player_id'], 'unique': true}]) }}

with players as (

    select * from {{ ref('stg_trackman_backend__players') }}

),

final as (

    select
        player_id,
        home_facility_id,
        -- Who asked to be forgotten keeps a number, for the sake of the facts, and no name.
        case when not is_deleted then full_name end as full_name,
        country_code,
        dexterity,
        handicap,
        height,
        membership_starts_on,
        membership_ends_on,
        has_marketing_consent,
        created_at,
        updated_at,
        is_deleted,
        _sdc_sequence
    from players

)

select * from final
