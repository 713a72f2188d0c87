{#
  Rows that arrived in the last day, with how long after their change in the source. Tables that say
  when a row was changed; `club_types` does not.
#}
{%- set changed_at = {
    'facilities': 'updated_at',
    'bays': 'updated_at',
    'players': 'updated_at',
    'clubs': 'updated_at',
    'sessions': 'updated_at',
    'strokes': 'updated_at',
    'courses': 'updated_at',
    'course_holes': 'updated_at',
    'rounds': 'updated_at',
    'round_holes': 'updated_at',
    'bookings': 'updated_at',
    'payments': 'updated_at',
    'device_events': 'received_at'
} -%}

{%- for table, column in changed_at.items() %}
select
    '{{ table }}' as table_name,
    _sdc_sequence,
    {{ column }} as changed_at,
    {{ minutes_between(column, '_sdc_batched_at') }} as minutes_underway
from {{ ref('stg_trackman_backend__' ~ table) }}
where _sdc_batched_at > current_timestamp - interval '1' day
    -- A row deleted for good bears the time of its last change, not of its end.
    and not is_deleted
{{ 'union all' if not loop.last }}
{%- endfor %}
