{{ config(unique_key=['bay_id', '_sdc_sequence']) }}

with versions as (

    select
        *,
        coalesce(cast(facility_id as {{ text_type() }}), '')
            || '|' || coalesce(cast(bay_status as {{ text_type() }}), '')
            || '|' || coalesce(cast(firmware as {{ text_type() }}), '')
            || '|' || coalesce(cast(is_deleted as {{ text_type() }}), '') as attributes
    from {{ ref('stg_trackman_backend__bay_versions') }}

),

compared as (

    select
        *,
        lag(attributes) over (partition by bay_id order by _sdc_sequence) as previous_attributes
    from versions

),

changes as (

    select *
    from compared
    where previous_attributes is null or attributes <> previous_attributes

),

final as (

    select
        bay_id,
        facility_id,
        bay_status,
        firmware,
        is_deleted,
        changed_at as valid_from,
        lead(changed_at) over (partition by bay_id order by _sdc_sequence) as valid_to,
        _sdc_batched_at as arrived_at,
        _sdc_sequence
    from changes

)

select * from final
