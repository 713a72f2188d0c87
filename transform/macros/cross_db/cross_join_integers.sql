{#
  A join that repeats each row for the integers from `first` to `last`, both included.

  Args:
    first, last: expressions of type bigint over the tables named before in the FROM clause.
    name: name of the join; its column is `n`, bigint.
#}
{% macro cross_join_integers(first, last, name) -%}
  {{ return(adapter.dispatch('cross_join_integers', 'trackman')(first, last, name)) }}
{%- endmacro %}

{% macro postgres__cross_join_integers(first, last, name) -%}
  cross join lateral generate_series({{ first }}, {{ last }}) as {{ name }} (n)
{%- endmacro %}

{% macro athena__cross_join_integers(first, last, name) -%}
  {#- Counts down if the last is less; at most 10,000 numbers. -#}
  cross join unnest(
    case when {{ first }} <= {{ last }} then sequence({{ first }}, {{ last }}) end
  ) as {{ name }} (n)
{%- endmacro %}
