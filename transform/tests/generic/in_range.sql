{#
  Values lie between two bounds (both allowed); NULL passes. Many columns in one query.

  Args:
    ranges: a map from column to [least, greatest].
#}
{% test in_range(model, ranges) %}
select *
from {{ model }}
where {% for column, bounds in ranges.items() -%}
  {{ column }} not between {{ bounds[0] }} and {{ bounds[1] }}{{ ' or ' if not loop.last }}
{%- endfor %}
{% endtest %}
