{#
    A code without what says nothing: in HS and CN everything from the first character that is no
    digit (partial suppression writes 39XXXXXX, totals write TOTAL), in CPV the check digit and the
    zeros that fill it up behind the division (34144910-0, 34000000), elsewhere groups of zeros at
    the end (29.10.30.000 is 29.10.30 filled up).
#}
{% macro trim_code(scheme, code) -%}
    case
        when {{ scheme }} = 'HS' then regexp_replace({{ code }}, '[^0-9].*$', '')
        when {{ scheme }} = 'CPV' then regexp_replace({{ code }}, '^([0-9]{2}[0-9]*?)0*(-[0-9])?$', '\1')
        else regexp_replace({{ code }}, '([.]0+)+$', '')
    end
{%- endmacro %}
