with source as (

    select * from {{ source('trackman_backend', 'bays') }}

),

renamed as (

    select
        -- keys
        bay_id,
        -- attributes
        facility_id,
        status as bay_status,
        firmware,
        -- times
        coalesce(_sdc_deleted_at, updated_at) as changed_at,
        -- loading
        (_sdc_deleted_at is not null or deleted_at is not null) as is_deleted,
        _sdc_sequence,
        _sdc_batched_at
    from source

)

select * from renamed
