with source as (

    select * from {{ current_rows(source('trackman_backend', 'course_holes'), key=['course_id', 'hole_number']) }}

),

renamed as (

    select
        -- keys
        course_id,
        cast(hole_number as integer) as hole_number,
        -- attributes
        cast(par as integer) as par,
        cast(stroke_index as integer) as stroke_index,
        length as hole_length,
        name as hole_name,
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
