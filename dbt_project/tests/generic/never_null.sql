{# Fails with each of the columns that holds a null, and in how many rows; the table is read once. #}
{% test never_null(model, columns) -%}
with counted as (
    select
    {%- for column in columns %}
        count(*) - count({{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ model }}
)

{% for column in columns %}
select
    '{{ column }}' as column_name,
    {{ column }} as null_count
from counted
where {{ column }} > 0
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
