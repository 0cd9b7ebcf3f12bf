{# Coded goods of our sectors: neither other products nor what no code places enter an indicator. #}
{% macro in_indicators(sector_id) -%}
    {{ sector_id }} not in ('other', 'unallocated')
{%- endmacro %}
