with round_holes as (

    select * from {{ ref('stg_trackman_backend__round_holes') }} where not is_deleted

),

rounds as (

    select * from {{ ref('stg_trackman_backend__rounds') }} where not is_deleted

),

course_holes as (

    select * from {{ ref('stg_trackman_backend__course_holes') }}

),

received as (

    select
        round_holes.*,
        rounds.player_id,
        rounds.course_id,
        course_holes.par,
        course_holes.stroke_index,
        course_holes.hole_length,
        -- World Handicap System, rule 6.2 and appendix C: one stroke on each hole for every 18, the
        -- rest on the hardest holes; a plus handicap gives strokes back from the easiest hole on.
        floor(rounds.playing_handicap / 18.0)
            + case
                when course_holes.stroke_index
                    <= rounds.playing_handicap - 18 * floor(rounds.playing_handicap / 18.0)
                then 1
                else 0
            end as strokes_received
    from round_holes
    inner join rounds on round_holes.round_id = rounds.round_id
    left join course_holes
        on rounds.course_id = course_holes.course_id
        and round_holes.hole_number = course_holes.hole_number

),

scored as (

    select
        *,
        strokes is null as is_picked_up,
        strokes - par as score_to_par
    from received

)

select * from scored
