with source as (

    select * from {{ current_rows(source('trackman_backend', 'clubs'), key=['club_id']) }}

),

renamed as (

    select
        -- keys
        club_id,
        player_id,
        cast(club_type_id as integer) as club_type_id,
        -- attributes
        brand,
        model as club_model,
        trim(shaft_flex) as shaft_flex,
        loft,
        lie,
        cast(length as integer) as club_length,
        is_active,
        acquired_on,
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
