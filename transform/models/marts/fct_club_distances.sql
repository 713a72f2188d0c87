{{
    config(
        unique_key='club_id',
        indexes=[{'columns': ['club_id'], 'unique': true}, {'columns': ['player_id']}]
    )
}}

with clubs as (

    select *
    from {{ ref('dim_clubs') }}
    where is_active and not is_deleted and club_category <> 'putter'

),

dispersion as (

    select * from {{ ref('int_clubs__dispersion') }}

),

in_bag as (

    select
        clubs.club_id,
        clubs.player_id,
        clubs.club_code,
        clubs.club_category,
        dispersion.count_strokes,
        dispersion.median_carry,
        dispersion.mean_carry,
        dispersion.longest_carry,
        dispersion.mean_total,
        dispersion.mean_ball_speed,
        dispersion.mean_side,
        dispersion.carry_deviation,
        dispersion.side_deviation,
        dispersion.ellipse_area
    from clubs
    inner join dispersion on clubs.club_id = dispersion.club_id

),

final as (

    select
        *,
        row_number() over (
            partition by player_id order by median_carry desc, club_id
        ) as place_in_bag,
        lead(club_id) over (
            partition by player_id order by median_carry desc, club_id
        ) as next_shorter_club_id,
        median_carry - lead(median_carry) over (
            partition by player_id order by median_carry desc, club_id
        ) as gap_to_next_shorter
    from in_bag

)

select * from final
