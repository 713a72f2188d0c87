with source as (

    select * from {{ current_rows(source('trackman_backend', 'courses'), key=['course_id']) }}

),

renamed as (

    select
        -- keys
        course_id,
        -- attributes
        name as course_name,
        trim(country_code) as country_code,
        {{ point_x('location') }} as longitude,
        {{ point_y('location') }} as latitude,
        altitude,
        cast(par as integer) as par,
        course_rating,
        cast(slope_rating as integer) as slope_rating,
        opened_on,
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
