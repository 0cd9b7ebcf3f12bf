{# The ISO 4217 code that a publisher's text is but for case and blanks; null where it is none. #}
{% macro currency_code(column) -%}
    case when regexp_full_match(upper(trim({{ column }})), '[A-Z]{3}') then upper(trim({{ column }})) end
{%- endmacro %}
