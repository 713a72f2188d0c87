{{ config(unique_key=['player_id', '_sdc_sequence']) }}

with versions as (

    select
        *,
        coalesce(cast(home_facility_id as {{ text_type() }}), '')
            || '|' || coalesce(cast(handicap as {{ text_type() }}), '')
            || '|' || coalesce(cast(membership_starts_on as {{ text_type() }}), '')
            || '|' || coalesce(cast(membership_ends_on as {{ text_type() }}), '')
            || '|' || coalesce(cast(is_deleted as {{ text_type() }}), '') as attributes
    from {{ ref('stg_trackman_backend__player_versions') }}

),

compared as (

    select
        *,
        lag(attributes) over (partition by player_id order by _sdc_sequence) as previous_attributes
    from versions

),

changes as (

    select *
    from compared
    where previous_attributes is null or attributes <> previous_attributes

),

final as (

    select
        player_id,
        home_facility_id,
        handicap,
        membership_starts_on,
        membership_ends_on,
        is_deleted,
        changed_at as valid_from,
        lead(changed_at) over (partition by player_id order by _sdc_sequence) as valid_to,
        _sdc_batched_at as arrived_at,
        _sdc_sequence
    from changes

)

select * from final
