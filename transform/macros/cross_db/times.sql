{#
  Moments as numbers and as clock times. Models count in seconds since 1970, which every engine
  adds and subtracts alike, across changes of daylight saving time too.
#}

{# Seconds since 1970-01-01 00:00 UTC of a timestamp with time zone, double precision. #}
{% macro epoch_seconds(moment) -%}
  {{ return(adapter.dispatch('epoch_seconds', 'trackman')(moment)) }}
{%- endmacro %}

{% macro postgres__epoch_seconds(moment) -%}
  cast(extract(epoch from {{ moment }}) as double precision)
{%- endmacro %}

{% macro athena__epoch_seconds(moment) -%}
  to_unixtime({{ moment }})
{%- endmacro %}


{# The timestamp with time zone that lies so many seconds after 1970-01-01 00:00 UTC. #}
{% macro from_epoch_seconds(seconds) -%}
  {{ return(adapter.dispatch('from_epoch_seconds', 'trackman')(seconds)) }}
{%- endmacro %}

{% macro postgres__from_epoch_seconds(seconds) -%}
  to_timestamp({{ seconds }})
{%- endmacro %}

{% macro athena__from_epoch_seconds(seconds) -%}
  from_unixtime({{ seconds }})
{%- endmacro %}


{#
  What a clock shows at a moment: a timestamp without time zone.

  Args:
    moment: expression, timestamp with time zone.
    time_zone: expression, name of an IANA time zone.
#}
{% macro local_time(moment, time_zone) -%}
  {{ return(adapter.dispatch('local_time', 'trackman')(moment, time_zone)) }}
{%- endmacro %}

{% macro postgres__local_time(moment, time_zone) -%}
  ({{ moment }} at time zone {{ time_zone }})
{%- endmacro %}

{% macro athena__local_time(moment, time_zone) -%}
  cast(at_timezone({{ moment }}, {{ time_zone }}) as timestamp(6))
{%- endmacro %}


{# The moment at which a clock shows a time: the inverse of local_time. #}
{% macro moment_of_local_time(local_time, time_zone) -%}
  {{ return(adapter.dispatch('moment_of_local_time', 'trackman')(local_time, time_zone)) }}
{%- endmacro %}

{% macro postgres__moment_of_local_time(local_time, time_zone) -%}
  ({{ local_time }} at time zone {{ time_zone }})
{%- endmacro %}

{% macro athena__moment_of_local_time(local_time, time_zone) -%}
  with_timezone({{ local_time }}, {{ time_zone }})
{%- endmacro %}


{# Whole minutes after midnight of a time of day, integer; 1440 for 24:00. The lake holds it as text. #}
{% macro minute_of_day(time) -%}
  {{ return(adapter.dispatch('minute_of_day', 'trackman')(time)) }}
{%- endmacro %}

{% macro postgres__minute_of_day(time) -%}
  cast(extract(hour from {{ time }}) * 60 + extract(minute from {{ time }}) as integer)
{%- endmacro %}

{% macro athena__minute_of_day(time) -%}
  cast(substr({{ time }}, 1, 2) as integer) * 60 + cast(substr({{ time }}, 4, 2) as integer)
{%- endmacro %}


{# Minutes from one moment to a later one, double precision. #}
{% macro minutes_between(start, end) -%}
  (({{ epoch_seconds(end) }} - {{ epoch_seconds(start) }}) / 60)
{%- endmacro %}
