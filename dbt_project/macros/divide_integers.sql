{# Positive whole numbers divided, rounded half up; null where the denominator is null or 0. #}
{% macro divide_integers(numerator, denominator) -%}
    (2 * ({{ numerator }}) + ({{ denominator }})) // nullif(2 * ({{ denominator }}), 0)
{%- endmacro %}
