with source as (

    select * from {{ current_rows(source('trackman_backend', 'rounds'), key=['round_id']) }}

),

renamed as (

    select
        -- keys
        round_id,
        player_id,
        course_id,
        bay_id,
        -- attributes
        status as round_status,
        tees,
        cast(playing_handicap as integer) as playing_handicap,
        cast(total_strokes as integer) as total_strokes,
        -- times
        started_at,
        finished_at,
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=true) }} as is_deleted,
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
