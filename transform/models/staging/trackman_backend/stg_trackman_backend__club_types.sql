with source as (

    select * from {{ current_rows(source('trackman_backend', 'club_types'), key=['club_type_id']) }}

),

renamed as (

    select
        -- keys
        cast(club_type_id as integer) as club_type_id,
        -- attributes
        code as club_code,
        name as club_type,
        category as club_category,
        cast(sort_order as integer) as sort_order,
        reference_loft,
        -- times
        -- loading
        {{ is_deleted(soft=false) }} as is_deleted,
        _sdc_sequence,
        _sdc_batched_at
    from source

)

select * from renamed
