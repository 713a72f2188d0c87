with source as (

    select * from {{ current_rows(source('trackman_backend', 'round_holes'), key=['round_id', 'hole_number']) }}

),

renamed as (

    select
        -- keys
        round_id,
        cast(hole_number as integer) as hole_number,
        -- attributes
        cast(strokes as integer) as strokes,
        cast(putts as integer) as putts,
        cast(penalties as integer) as penalties,
        is_fairway_hit,
        is_green_in_regulation,
        drive_distance,
        first_putt_length,
        cast(stableford_points as integer) as stableford_points,
        -- times
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=true) }} as is_deleted,
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
