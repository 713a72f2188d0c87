{#
  Each partition of the marts that grow with time holds one period of it, so that a query for some
  days reads no other periods. What is looked at is the tables' metadata, which costs nothing.

  A table keeps the partitions it was made with: `dbt build --full-refresh --select <mart>`.
#}

{%- set periods = {
    'fct_strokes': ('hit_at', 'month'),
    'fct_sessions': ('started_at', 'month'),
    'fct_bay_utilisation_hourly': ('local_date', 'year')
} %}

{%- for mart, (column, period) in periods.items() %}
select
    '{{ mart }}' as mart,
    cast(data.{{ column }}.min as date) as earliest,
    cast(data.{{ column }}.max as date) as latest
from {{ partitions_of(ref(mart)) }}
where date_trunc('{{ period }}', cast(data.{{ column }}.min as date))
    <> date_trunc('{{ period }}', cast(data.{{ column }}.max as date))
{{ 'union all' if not loop.last }}
{%- endfor %}
