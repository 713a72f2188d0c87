{#
  Bounds of a range, NULL where it is unbounded, its bound `infinity`, or the range empty. The lake
  holds ranges and points as the text that PostgreSQL prints, so an engine without such types reads
  them from that.

  Args:
    column: name of the range column.
    type: type of its bounds, `date` or `timestamp with time zone`.
#}
{% macro range_start(column, type) -%}
  {{ return(adapter.dispatch('range_start', 'trackman')(column, type)) }}
{%- endmacro %}

{% macro postgres__range_start(column, type) -%}
  case when isfinite(lower({{ column }})) then cast(lower({{ column }}) as {{ type }}) end
{%- endmacro %}

{% macro athena__range_start(column, type) -%}
  {{ bound_of_text("regexp_extract(" ~ column ~ ", '^[\\[(]\"?([^\",]+)\"?,', 1)", type) }}
{%- endmacro %}

{% macro range_end(column, type) -%}
  {{ return(adapter.dispatch('range_end', 'trackman')(column, type)) }}
{%- endmacro %}

{% macro postgres__range_end(column, type) -%}
  case when isfinite(upper({{ column }})) then cast(upper({{ column }}) as {{ type }}) end
{%- endmacro %}

{% macro athena__range_end(column, type) -%}
  {{ bound_of_text("regexp_extract(" ~ column ~ ", ',\"?([^\",]+)\"?[\\])]$', 1)", type) }}
{%- endmacro %}

{# The loader reads times in UTC, which PostgreSQL prints as +00; any other offset fails the cast. #}
{% macro bound_of_text(text, type) -%}
  {%- set text = "nullif(nullif(" ~ text ~ ", 'infinity'), '-infinity')" -%}
  {%- if type == 'timestamp with time zone' -%}
    with_timezone(cast(regexp_replace({{ text }}, '[+]00$', '') as timestamp(6)), 'UTC')
  {%- else -%}
    cast({{ text }} as {{ type }})
  {%- endif -%}
{%- endmacro %}


{# First and second coordinate of a point. #}
{% macro point_x(column) -%}
  {{ return(adapter.dispatch('point_x', 'trackman')(column)) }}
{%- endmacro %}

{% macro postgres__point_x(column) -%}
  {{ column }}[0]
{%- endmacro %}

{% macro athena__point_x(column) -%}
  cast(regexp_extract({{ column }}, '^[(]([^,]+),', 1) as double)
{%- endmacro %}

{% macro point_y(column) -%}
  {{ return(adapter.dispatch('point_y', 'trackman')(column)) }}
{%- endmacro %}

{% macro postgres__point_y(column) -%}
  {{ column }}[1]
{%- endmacro %}

{% macro athena__point_y(column) -%}
  cast(regexp_extract({{ column }}, ',([^)]+)[)]$', 1) as double)
{%- endmacro %}
