{# Which share (0 to 1) of the days from the first to the last has passed at a day; null where unknown. #}
{% macro elapsed_share(day, first_day, last_day) -%}
    cast(
        case
            when {{ last_day }} <= {{ first_day }} then null
            when {{ day }} <= {{ first_day }} then 0
            when {{ day }} >= {{ last_day }} then 1
            else {{ divide_exact('date_diff(\'day\', ' ~ first_day ~ ', ' ~ day ~ ')', 'date_diff(\'day\', ' ~ first_day ~ ', ' ~ last_day ~ ')', 6) }}
        end as decimal(9, 6)
    )
{%- endmacro %}
