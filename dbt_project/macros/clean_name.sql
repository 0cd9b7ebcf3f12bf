{# A name with ordinary single blanks, without the colon behind it: NBSP and runs of blanks say nothing. #}
{% macro clean_name(name) -%}
    trim(regexp_replace(regexp_replace({{ name }}, '[\s\x{00A0}]+', ' ', 'g'), '[ :]+$', ''))
{%- endmacro %}
