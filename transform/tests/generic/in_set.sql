{#
  Text values are among those named; NULL passes. Many columns in one query.

  Args:
    sets: a map from column to the list of its values.
#}
{% test in_set(model, sets) %}
select *
from {{ model }}
where {% for column, values in sets.items() -%}
  {{ column }} not in ('{{ values | join("', '") }}'){{ ' or ' if not loop.last }}
{%- endfor %}
{% endtest %}
