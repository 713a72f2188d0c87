with source as (

    select * from {{ source('loading', 'load_log') }}

),

renamed as (

    select
        -- keys
        run_id,
        stream as stream_name,
        table_name,
        -- amounts
        rows_read as count_rows_read,
        rows_committed as count_rows_committed,
        rows_rejected as count_values_rejected,
        bytes as count_bytes,
        -- positions
        sequence_from,
        sequence_to,
        position_from,
        schema_changes,
        -- times
        source_time,
        started_at,
        committed_at
    from source

)

select * from renamed
