with source as (

    select * from {{ source('trackman_backend', 'players') }}

),

renamed as (

    select
        -- keys
        player_id,
        -- attributes
        home_facility_id,
        handicap,
        {{ range_start('membership', 'date') }} as membership_starts_on,
        {{ range_end('membership', 'date') }} as membership_ends_on,
        -- times
        coalesce(_sdc_deleted_at, updated_at) as changed_at,
        -- loading
        (_sdc_deleted_at is not null or deleted_at is not null) as is_deleted,
        _sdc_sequence,
        _sdc_batched_at
    from source

)

select * from renamed
