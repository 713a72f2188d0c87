{{
    config(
        unique_key='session_id',
        indexes=[
            {'columns': ['session_id'], 'unique': true},
            {'columns': ['player_id', 'started_at']},
            {'columns': ['bay_id', 'started_at']}
        ]
    )
}}

with sessions as (

    select * from {{ ref('stg_trackman_backend__sessions') }} where not is_deleted

),

bays as (

    select * from {{ ref('stg_trackman_backend__bays') }}

),

strokes as (

    select
        session_id,
        count(*) as count_strokes,
        count(distinct club_id) as count_clubs,
        max(carry) as longest_carry,
        max(cast(ball_speed as double precision)) as fastest_ball_speed,
        sum(strokes_gained) as strokes_gained
    from {{ ref('fct_strokes') }}
    group by session_id

),

with_text_key as (

    select
        *,
        cast(session_id as {{ text_type() }}) as session_key
    from sessions

),

final as (

    select
        -- keys
        sessions.session_key as session_id,
        sessions.player_id,
        sessions.bay_id,
        bays.facility_id,
        -- attributes
        sessions.session_type,
        sessions.ball_type,
        sessions.temperature,
        sessions.humidity,
        sessions.air_pressure,
        -- measures
        coalesce(strokes.count_strokes, 0) as count_strokes,
        coalesce(strokes.count_clubs, 0) as count_clubs,
        strokes.longest_carry,
        strokes.fastest_ball_speed,
        strokes.strokes_gained,
        {{ minutes_between('sessions.started_at', 'sessions.ended_at') }} as duration_minutes,
        -- times
        sessions.ended_at is null as is_running,
        sessions.started_at,
        sessions.ended_at,
        sessions.local_started_at,
        cast(sessions.local_started_at as date) as local_date,
        sessions.updated_at,
        -- loading
        sessions._sdc_sequence
    from with_text_key as sessions
    left join bays on sessions.bay_id = bays.bay_id
    left join strokes on sessions.session_key = strokes.session_id

)

select * from final
