{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='stroke_id',
        indexes=[
            {'columns': ['stroke_id'], 'unique': true},
            {'columns': ['session_id']},
            {'columns': ['player_id', 'hit_at']},
            {'columns': ['club_id']},
            {'columns': ['_sdc_sequence']},
            {'columns': ['session_sequence']}
        ],
        post_hook="{{ delete_marked_rows('is_deleted') }}",
        delete_condition='src.is_deleted and ' ~ not_older('_sdc_sequence', 'session_sequence'),
        update_condition=not_older('_sdc_sequence', 'session_sequence'),
        insert_condition='not src.is_deleted',
        partitioned_by=['month(hit_at)'],
        incremental_predicates=['true']
    )
}}

{#
  The watermark is the loader's `_sdc_sequence`: within a table it grows from commit to commit, so
  whatever this build has not seen has a greater number, however old its `updated_at` is. There are
  two, for a row here is made of a stroke and its session, whose numbers cannot be compared: when a
  session changes, is deleted, or arrives after its strokes, its strokes are taken up again.

  Strokes that are gone come along marked `is_deleted`: they overwrite the row that is here, and the
  post-hook removes them before the commit. They raise no watermark, so the newest of them may come
  again with the next build, to no effect.
#}

-- depends_on: {{ ref('stg_trackman_backend__strokes') }}
-- depends_on: {{ ref('stg_trackman_backend__sessions') }}

{% if is_incremental() -%}
{%- set newer_sessions -%}
    _sdc_sequence > {{ watermark('session_sequence') }}
{%- endset -%}
{%- set changed -%}
    -- The views are named here once more, for Postgres reads a query that two others share in full.
    select stroke_id, session_id
    from {{ ref('stg_trackman_backend__strokes') }}
    where _sdc_sequence > {{ watermark('_sdc_sequence') }}

    union

    select strokes.stroke_id, strokes.session_id
    from {{ ref('stg_trackman_backend__strokes') }} as strokes
    inner join {{ ref('stg_trackman_backend__sessions') }} as sessions
        on strokes.session_id = sessions.session_id
    where sessions.{{ newer_sessions }}
        and {{ in_ranges('strokes.session_id', key_ranges(
            'select session_id from ' ~ ref('stg_trackman_backend__sessions')
                ~ ' where ' ~ newer_sessions, 'session_id'
        )) }}
{%- endset -%}
{%- set strokes = key_ranges(changed, 'stroke_id') -%}
{%- do touch_only_keys('stroke_id', strokes) -%}
{%- endif %}

with joined as (

    select * from {{ ref('int_strokes__joined') }}

),

{% if is_incremental() %}

changed as (

    {{ changed }}

),

{% endif %}

final as (

    select
        -- keys
        cast(stroke_id as {{ text_type() }}) as stroke_id,
        cast(session_id as {{ text_type() }}) as session_id,
        player_id,
        bay_id,
        club_id,
        -- attributes
        stroke_number,
        target_distance,
        -- club and swing
        club_speed,
        attack_angle,
        club_path,
        face_angle,
        face_to_path,
        dynamic_loft,
        dynamic_lie,
        spin_loft,
        swing_plane,
        swing_direction,
        swing_radius,
        d_plane_tilt,
        low_point_distance,
        low_point_height,
        low_point_side,
        impact_offset,
        impact_height,
        -- ball and flight
        ball_speed,
        smash_factor,
        launch_angle,
        launch_direction,
        spin_rate,
        spin_axis,
        max_height,
        max_height_distance,
        max_height_side,
        carry,
        carry_side,
        curve,
        landing_angle,
        landing_speed,
        hang_time,
        last_data_distance,
        last_data_height,
        last_data_side,
        total,
        total_side,
        distance_to_target,
        -- judgement
        strokes_gained,
        confidence,
        -- times
        hit_at,
        updated_at,
        -- loading
        is_gone as is_deleted,
        _sdc_sequence,
        session_sequence
    from joined
    {% if is_incremental() -%}
    where stroke_id in (select stroke_id from changed)
        and {{ in_ranges('stroke_id', strokes) }}
        and {{ in_ranges('session_id', key_ranges(changed, 'session_id')) }}
    {%- else -%}
    where not is_gone
    {%- endif %}

)

select * from final
