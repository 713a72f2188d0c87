with strokes as (

    select * from {{ ref('stg_trackman_backend__strokes') }}

),

sessions as (

    select * from {{ ref('stg_trackman_backend__sessions') }}

),

joined as (

    select
        strokes.*,
        sessions.player_id,
        sessions.bay_id,
        sessions._sdc_sequence as session_sequence,
        -- A stroke counts while it and its session do. The session may arrive after the stroke.
        (strokes.is_deleted or sessions.session_id is null or sessions.is_deleted) as is_gone
    from strokes
    left join sessions on strokes.session_id = sessions.session_id

)

select * from joined
