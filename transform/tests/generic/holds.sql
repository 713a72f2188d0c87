{#
  An expression is true of each row; NULL counts as false.

  Args:
    expression: a condition over the columns of the model.
#}
{% test holds(model, expression) %}
select *
from {{ model }}
where not coalesce(({{ expression }}), false)
{% endtest %}
