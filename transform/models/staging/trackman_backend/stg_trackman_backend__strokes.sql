with source as (

    select * from {{ current_rows(
        source('trackman_backend', 'strokes'), key=['stroke_id'], partition='month',
        former={'former_session_ids': 'session_id'}
    ) }}

),

renamed as (

    select
        -- keys
        stroke_id,
        session_id,
        club_id,
        -- attributes
        cast(stroke_number as integer) as stroke_number,
        cast(target_distance as double precision) as target_distance,
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
        cast(spin_rate as integer) as spin_rate,
        spin_axis,
        max_height,
        max_height_distance,
        max_height_side,
        carry,
        carry_side,
        curve,
        landing_angle,
        landing_speed,
        cast(hang_time as double precision) as hang_time,
        last_data_distance,
        last_data_height,
        last_data_side,
        total,
        total_side,
        cast(distance_to_target as double precision) as distance_to_target,
        -- judgement
        cast(strokes_gained as double precision) as strokes_gained,
        confidence,
        -- times
        hit_at,
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=true) }} as is_deleted,
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ former_values() }} as former_session_ids,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
