{{
    config(
        unique_key=['table_name', 'committed_at'],
        indexes=[{'columns': ['table_name', 'committed_at'], 'unique': true}]
    )
}}

with commits as (

    select * from {{ ref('stg_loading__commits') }}

),

numbered as (

    select
        *,
        first_value(run_id) over (
            partition by table_name
            order by committed_at
            rows between unbounded preceding and current row
        ) as first_run_id,
        lag(committed_at) over (partition by table_name order by committed_at)
            as previous_committed_at,
        case
            when position_from like '____-__-__ %+00'
                then cast(replace(position_from, '+00', ' UTC') as timestamp(6) with time zone)
        end as began_at
    from commits

),

arrived as (

    select
        commits.table_name,
        commits.committed_at,
        max(arrived.minutes_underway) as slowest_row_minutes
    from {{ ref('int_rows__arrived') }} as arrived
    inner join numbered as commits
        on arrived.table_name = commits.table_name
        and arrived._sdc_sequence between commits.sequence_from and commits.sequence_to
    -- The first run brings the past, and so does a back-fill; nobody promised that in time.
    where commits.run_id <> commits.first_run_id and commits.run_id not like '%-backfill'
        -- A read begins at the last value it knows, and may bring its rows again.
        and (commits.began_at is null or arrived.changed_at <> commits.began_at)
    group by commits.table_name, commits.committed_at

),

final as (

    select
        numbered.run_id,
        numbered.table_name,
        numbered.count_rows_read,
        numbered.count_rows_committed,
        numbered.count_values_rejected,
        numbered.count_bytes,
        numbered.schema_changes,
        numbered.source_time,
        numbered.started_at,
        numbered.committed_at,
        {{ minutes_between('numbered.previous_committed_at', 'numbered.committed_at') }}
            as minutes_since_previous,
        arrived.slowest_row_minutes,
        numbered.run_id = numbered.first_run_id as is_first_run
    from numbered
    left join arrived
        on numbered.table_name = arrived.table_name
        and numbered.committed_at = arrived.committed_at

)

select * from final
