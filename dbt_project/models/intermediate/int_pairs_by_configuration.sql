{% if not var('pairs') %}
    {{ exceptions.raise_compiler_error("Variable pairs is empty: name at least one pair, such as BLR-RUS.") }}
{% endif %}

with

configured as (

    {% for pair in var('pairs') %}
        select
            '{{ pair }}' as pair_id,
            '{{ pair.split('-')[0] }}' as first_country_code,
            '{{ pair.split('-')[1] }}' as second_country_code
        {{ 'union' if not loop.last }}
    {% endfor %}

)

select * from configured
