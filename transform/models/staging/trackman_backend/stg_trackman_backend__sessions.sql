with source as (

    select * from {{ current_rows(
        source('trackman_backend', 'sessions'), key=['session_id'], partition='year'
    ) }}

),

renamed as (

    select
        -- keys
        session_id,
        player_id,
        bay_id,
        -- attributes
        session_type,
        ball_type,
        temperature,
        cast(humidity as integer) as humidity,
        air_pressure,
        cast(stroke_count as integer) as counted_strokes,
        -- times
        started_at,
        ended_at,
        local_started_at,
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=true) }} as is_deleted,
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
