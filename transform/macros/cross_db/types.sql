{# Text without an upper bound. In the columns of a contract `string` means the same. #}
{% macro text_type() -%}
  {{ return(api.Column.translate_type('string')) }}
{%- endmacro %}
