{{ config(unique_key='bay_id', indexes=[{'columns': ['bay_id'], 'unique': true}]) }}

with bays as (

    select * from {{ ref('stg_trackman_backend__bays') }}

),

final as (

    select
        bay_id,
        facility_id,
        bay_number,
        bay_status,
        is_indoor,
        device_serial,
        firmware,
        installed_on,
        created_at,
        updated_at,
        is_deleted,
        _sdc_sequence
    from bays

)

select * from final
