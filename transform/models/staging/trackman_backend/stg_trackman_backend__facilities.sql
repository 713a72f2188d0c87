with source as (

    select * from {{ current_rows(source('trackman_backend', 'facilities'), key=['facility_id']) }}

),

renamed as (

    select
        -- keys
        facility_id,
        -- attributes
        name as facility_name,
        kind as facility_kind,
        trim(country_code) as country_code,
        {{ point_x('location') }} as longitude,
        {{ point_y('location') }} as latitude,
        altitude,
        time_zone,
        {{ minute_of_day('opens_at') }} as opens_at_minute,
        {{ minute_of_day('closes_at') }} as closes_at_minute,
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
