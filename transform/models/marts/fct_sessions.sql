{{
    config(
        materialized='incremental',
        unique_key='session_id',
        indexes=[
            {'columns': ['session_id'], 'unique': true},
            {'columns': ['player_id', 'started_at']},
            {'columns': ['bay_id', 'started_at']}
        ],
        partitioned_by=['month(started_at)'],
        incremental_predicates=['true'],
        delete_condition='src._sdc_sequence is null',
        update_condition=not_older('_sdc_sequence', 'facility_sequence'),
        insert_condition='src._sdc_sequence is not null'
    )
}}

{#
  In the lake a session is made anew when it changed, when one of its strokes did or moved to another
  session, and when its bay belongs to another facility than it did.
#}

-- depends_on: {{ ref('stg_trackman_backend__strokes') }}

{% if merges_changes() -%}
{%- set moved_bays = run_query(
    'select bay_id from ' ~ ref('stg_trackman_backend__bays')
    ~ ' where facility_sequence > ' ~ watermark('facility_sequence')
).columns[0].values() -%}
{%- set newer_strokes -%}
    _sdc_sequence > {{ watermark('strokes_sequence') }}
{%- endset -%}
{%- set changed -%}
    select session_id
    from {{ ref('stg_trackman_backend__sessions') }}
    where _sdc_sequence > {{ watermark('_sdc_sequence') }}
        {%- if moved_bays %}
        or bay_id in ({{ moved_bays | join(', ') }})
        {%- endif %}

    union

    select session_id
    from {{ ref('stg_trackman_backend__strokes') }}
    where {{ newer_strokes }}

    union

    {{ former_keys(
        ref('stg_trackman_backend__strokes'), 'former_session_ids', 'session_id', newer_strokes
    ) }}
{%- endset -%}
{%- set touched = key_ranges(changed, 'session_id') -%}
{%- do touch_only_keys('session_id', touched) -%}
{%- endif %}

with
{%- if merges_changes() %} changed as (

    {{ changed }}

),

{% endif %} sessions as (

    select *
    from {{ ref('stg_trackman_backend__sessions') }}
    where not is_deleted
        {%- if merges_changes() %}
        and session_id in (select session_id from changed)
        and {{ in_ranges('session_id', touched) }}
        {%- endif %}

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
        sum(strokes_gained) as strokes_gained,
        max(_sdc_sequence) as strokes_sequence
    from {{ ref('fct_strokes') }}
    {%- if merges_changes() %}
    where session_id in (select session_id from changed)
        and {{ in_ranges('session_id', touched) }}
    {%- endif %}
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
        sessions._sdc_sequence,
        bays.facility_sequence,
        strokes.strokes_sequence
    from with_text_key as sessions
    left join bays on sessions.bay_id = bays.bay_id
    left join strokes on sessions.session_key = strokes.session_id

)

{% if merges_changes() -%}
{{ rows_or_nulls('final', 'changed', 'session_id') }}
{%- else -%}
select * from final
{%- endif %}
