with source as (

    select * from {{ current_rows(source('trackman_backend', 'players'), key=['player_id']) }}

),

renamed as (

    select
        -- keys
        player_id,
        home_facility_id,
        -- attributes
        full_name,
        email,
        phone,
        birth_date,
        trim(country_code) as country_code,
        dexterity,
        handicap,
        cast(height as integer) as height,
        {{ range_start('membership', 'date') }} as membership_starts_on,
        {{ range_end('membership', 'date') }} as membership_ends_on,
        marketing_consent as has_marketing_consent,
        -- times
        created_at,
        updated_at,
        -- loading
        {{ is_deleted(soft=true) }} as is_deleted,
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at,
        {{ newest('_sdc_deleted_at') }} as _sdc_deleted_at
    from source

)

select * from renamed
