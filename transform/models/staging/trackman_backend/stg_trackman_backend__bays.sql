with source as (

    select * from {{ current_rows(
        source('trackman_backend', 'bays'), key=['bay_id'],
        since={'facility_sequence': 'facility_id'}
    ) }}

),

renamed as (

    select
        -- keys
        bay_id,
        facility_id,
        -- attributes
        cast(bay_number as integer) as bay_number,
        status as bay_status,
        is_indoor,
        trim(device_serial) as device_serial,
        firmware,
        installed_on,
        -- times
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=true) }} as is_deleted,
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ changed_in() }} as facility_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at,
        {{ newest('_sdc_deleted_at') }} as _sdc_deleted_at
    from source

)

select * from renamed
