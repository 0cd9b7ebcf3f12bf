{#
    A code without what says nothing: in HS and CN everything from the first character that is no
    digit (partial suppression writes 39XXXXXX, totals write TOTAL), elsewhere groups of zeros at the
    end (29.10.30.000 is 29.10.30 filled up).
#}
{% macro trim_code(scheme, code) -%}
    case
        when {{ scheme }} = 'HS' then regexp_replace({{ code }}, '[^0-9].*$', '')
        else regexp_replace({{ code }}, '([.]0+)+$', '')
    end
{%- endmacro %}
