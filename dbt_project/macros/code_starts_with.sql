{# True where text begins with the prefix; engines name this function differently. #}
{% macro code_starts_with(code, prefix) -%}
    starts_with({{ code }}, {{ prefix }})
{%- endmacro %}
