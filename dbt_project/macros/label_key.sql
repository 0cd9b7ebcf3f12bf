{# Text by which labels are compared: small letters, no accents, anything but letters and digits one blank. #}
{% macro label_key(label) -%}
    trim(regexp_replace(strip_accents(lower({{ label }})), '[^\p{L}\p{N}]+', ' ', 'g'))
{%- endmacro %}
