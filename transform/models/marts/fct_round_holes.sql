{{
    config(
        unique_key=['round_id', 'hole_number'],
        indexes=[{'columns': ['round_id', 'hole_number'], 'unique': true}]
    )
}}

with scored as (

    select * from {{ ref('int_round_holes__scored') }}

),

final as (

    select
        -- keys
        round_id,
        hole_number,
        player_id,
        course_id,
        -- the hole
        par,
        stroke_index,
        hole_length,
        -- the score
        strokes,
        is_picked_up,
        score_to_par,
        cast(strokes_received as integer) as strokes_received,
        stableford_points,
        putts,
        penalties,
        is_fairway_hit,
        is_green_in_regulation,
        drive_distance,
        first_putt_length,
        -- times
        updated_at,
        -- loading
        _sdc_sequence
    from scored

)

select * from final
