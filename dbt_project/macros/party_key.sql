{# Names an occurrence of a party by all that its source tells of it. #}
{% macro party_key(relation) -%}
    md5(
        concat_ws(
            '|',
            coalesce({{ relation }}.source_dataset, '<null>'),
            coalesce({{ relation }}.process_id, '<null>'),
            coalesce({{ relation }}.party_role, '<null>'),
            coalesce({{ relation }}.party_name, '<null>'),
            coalesce({{ relation }}.identifier_scheme, '<null>'),
            coalesce({{ relation }}.identifier, '<null>'),
            coalesce({{ relation }}.country_text, '<null>'),
            coalesce({{ relation }}.country_code, '<null>')
        )
    )
{%- endmacro %}
