{# An amount of a row's own currency in US dollars, by the row's usd_per_unit; null without a rate. #}
{% macro in_usd(amount) -%}
    cast(round(cast({{ amount }} as decimal(24, 2)) * usd_per_unit, 2) as decimal(20, 2))
{%- endmacro %}
