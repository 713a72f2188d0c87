{{
    config(
        unique_key='round_id',
        indexes=[
            {'columns': ['round_id'], 'unique': true},
            {'columns': ['player_id', 'started_at']}
        ]
    )
}}

with rounds as (

    select * from {{ ref('stg_trackman_backend__rounds') }} where not is_deleted

),

bays as (

    select * from {{ ref('stg_trackman_backend__bays') }}

),

holes as (

    select
        round_id,
        count(*) as count_holes_played,
        sum(case when is_picked_up then 1 else 0 end) as count_holes_picked_up,
        sum(strokes) as strokes_of_holes,
        sum(case when not is_picked_up then par end) as par_of_holes,
        sum(score_to_par) as score_to_par,
        sum(stableford_points) as stableford_points,
        sum(putts) as putts,
        sum(penalties) as penalties,
        sum(case when is_fairway_hit is not null then 1 else 0 end) as count_fairways,
        sum(case when is_fairway_hit then 1 else 0 end) as count_fairways_hit,
        sum(case when is_green_in_regulation then 1 else 0 end) as count_greens_in_regulation,
        avg(cast(drive_distance as double precision)) as mean_drive_distance
    from {{ ref('int_round_holes__scored') }}
    group by round_id

),

final as (

    select
        -- keys
        rounds.round_id,
        rounds.player_id,
        rounds.course_id,
        rounds.bay_id,
        bays.facility_id,
        -- attributes
        rounds.round_status,
        rounds.tees,
        rounds.playing_handicap,
        -- score
        coalesce(holes.count_holes_played, 0) as count_holes_played,
        coalesce(holes.count_holes_picked_up, 0) as count_holes_picked_up,
        rounds.total_strokes,
        holes.par_of_holes,
        holes.score_to_par,
        case
            when rounds.round_status = 'finished' and holes.count_holes_picked_up = 0
                then rounds.total_strokes - rounds.playing_handicap
        end as net_score,
        holes.stableford_points,
        -- play
        holes.putts,
        holes.penalties,
        holes.count_fairways,
        holes.count_fairways_hit,
        holes.count_greens_in_regulation,
        holes.mean_drive_distance,
        -- times
        rounds.started_at,
        rounds.finished_at,
        {{ minutes_between('rounds.started_at', 'rounds.finished_at') }} as duration_minutes,
        rounds.updated_at,
        -- loading
        rounds._sdc_sequence
    from rounds
    left join bays on rounds.bay_id = bays.bay_id
    left join holes on rounds.round_id = holes.round_id

)

select * from final
