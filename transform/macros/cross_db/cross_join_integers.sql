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
  {#- A sequence holds 10,000 at most, so there is one of sequences. It counts down if the last
      is less. -#}
  cross join unnest(
    case when {{ first }} <= {{ last }} then sequence(
      cast(floor(({{ first }}) / 10000e0) as bigint), cast(floor(({{ last }}) / 10000e0) as bigint)
    ) end
  ) as {{ name }}_ten_thousands (n)
  cross join unnest(sequence(
    greatest({{ first }}, {{ name }}_ten_thousands.n * 10000),
    least({{ last }}, {{ name }}_ten_thousands.n * 10000 + 9999)
  )) as {{ name }} (n)
{%- endmacro %}
