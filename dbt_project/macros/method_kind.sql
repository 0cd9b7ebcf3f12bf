{# How far a procedure is open, by the words that registers use: direct, or open to bidders. #}
{% macro method_kind(method_name) -%}
    case
        when {{ method_name }} is null then null
        when
            lower({{ method_name }}) like '%единственн%' or lower({{ method_name }}) like '%single%'
            then 'direct'
        else 'open'
    end
{%- endmacro %}
