{# One row a month from the first day of first_year to the last month of last_year: column month_start. #}
{% macro month_rows(first_year, last_year) -%}
    select cast(months.month_start as date) as month_start
    from generate_series(
        date '{{ first_year }}-01-01', date '{{ last_year }}-12-01', interval 1 month
    ) as months (month_start)
{%- endmacro %}
