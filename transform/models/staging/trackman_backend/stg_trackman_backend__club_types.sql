with source as (

    select * from {{ current_rows(
        source('trackman_backend', 'club_types'), key=['club_type_id'], always_set='club_code'
    ) }}

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
        {{ newest('_sdc_sequence') }} as _sdc_sequence,
        {{ newest('_sdc_batched_at') }} as _sdc_batched_at
    from source

)

select * from renamed
