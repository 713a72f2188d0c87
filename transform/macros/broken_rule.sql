{# A row with the name of a rule, if a query finds rows that break it. #}
{% macro broken_rule(rule, query, key) -%}
select '{{ rule }}' as rule, count(*) as count_rows, min({{ key_as_text(key) }}) as least_key
from (
{{ query }}
) as broken
having count(*) > 0
{%- endmacro %}

{% macro key_as_text(key) -%}
{%- for column in key -%}
coalesce(cast({{ column }} as {{ text_type() }}), 'NULL'){{ " || ' ' || " if not loop.last }}
{%- endfor -%}
{%- endmacro %}
