{#
  The columns identify a row: none of them is NULL, and no two rows agree in all of them. One query
  in place of the three of `unique` and `not_null`.
#}
{% test unique_key(model, columns) %}
select {{ columns | join(', ') }}, count(*) as count_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1{% for column in columns %} or {{ column }} is null{% endfor %}
{% endtest %}
