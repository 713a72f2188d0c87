{{ config(unique_key='facility_id', indexes=[{'columns': ['facility_id'], 'unique': true}]) }}

with facilities as (

    select * from {{ ref('stg_trackman_backend__facilities') }}

),

final as (

    select
        facility_id,
        facility_name,
        facility_kind,
        country_code,
        longitude,
        latitude,
        altitude,
        time_zone,
        opens_at_minute,
        closes_at_minute,
        opened_on,
        created_at,
        updated_at,
        is_deleted,
        _sdc_sequence
    from facilities

)

select * from final
