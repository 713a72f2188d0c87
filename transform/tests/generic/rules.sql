{#
  All that a model promises of its rows, in one query: a test has a price of its own, in the lake
  more than its query has. Gives a row for each rule that is broken (rows that break the same rules
  together), with how many rows break it and the least key among them; `materialization test` shows
  these rows when the test fails.

  Args, all but the first optional:
    unique_key: columns, as of the test of that name.
    in_set: a map from column to the list of its values, text; NULL passes.
    in_range: a map from column to [least, greatest]; NULL passes.
    holds: a map from a name to a condition over the columns; NULL counts as false.
    refers_to: a list of arguments of the test of that name.
    not_behind: arguments of the test of that name.
#}
{% test rules(model, unique_key, in_set={}, in_range={}, holds={}, refers_to=[], not_behind=none) %}
{%- set broken = {} -%}
{%- for column, values in in_set.items() -%}
  {%- do broken.update({'in_set ' ~ column: column ~ " not in ('" ~ values | join("', '") ~ "')"}) -%}
{%- endfor -%}
{%- for column, bounds in in_range.items() -%}
  {%- do broken.update({
    'in_range ' ~ column: column ~ ' not between ' ~ bounds[0] ~ ' and ' ~ bounds[1]
  }) -%}
{%- endfor -%}
{%- for name, condition in holds.items() -%}
  {%- do broken.update({'holds ' ~ name: 'not coalesce((' ~ condition ~ '), false)'}) -%}
{%- endfor -%}

{{ broken_rule('unique_key', test_unique_key(model, unique_key), unique_key) }}
{%- if broken %}

union all

select substr(rules, 3) as rule, count(*) as count_rows, min(row_key) as least_key
from (
    select
        {{ key_as_text(unique_key) }} as row_key,
        {% for rule, condition in broken.items() -%}
        case when {{ condition }} then ', {{ rule }}' else '' end{{ ' ||' if not loop.last }}
        {% endfor %} as rules
    from {{ model }}
) as judged
where rules <> ''
group by rules
{%- endif %}
{%- for reference in refers_to %}

union all

{{ broken_rule(
    'refers_to ' ~ reference['column_name'], test_refers_to(model, **reference),
    [reference['column_name']]
) }}
{%- endfor %}
{%- if not_behind %}

union all

{{ broken_rule('not_behind', test_not_behind(model, **not_behind), ['key_1']) }}
{%- endif %}
{% endtest %}
