{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['table_name', 'arrived_on']
    )
}}

{#
  Each build counts the last day that is here and the one before it anew: later arrivals are of these
  days, and the files of the log state their times, so that Athena reads no older ones.
#}

with arrivals as (

    select
        table_name,
        cast(_sdc_batched_at as date) as arrived_on,
        {{ minutes_between('changed_at', '_sdc_batched_at') }} as minutes_underway
    from {{ ref('stg_trackman_backend__arrivals') }}
    {% if is_incremental() -%}
    where _sdc_batched_at >= timestamp '{{ last_day('arrived_on') }} 00:00:00 UTC'
    {%- endif %}

),

final as (

    select
        table_name,
        arrived_on,
        count(*) as count_versions,
        sum(case when minutes_underway > 60 then 1 else 0 end) as count_late,
        avg(minutes_underway) as mean_minutes,
        max(minutes_underway) as slowest_minutes
    from arrivals
    group by table_name, arrived_on

)

select * from final
