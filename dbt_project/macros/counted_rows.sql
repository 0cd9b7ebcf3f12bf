{#
    Which rows of one flow are counted where it stands as a total and broken down. The relation has
    the columns of the staging model; of UN Comtrade also has_second_partner, has_transport and
    has_customs_procedure.
#}

{# The row of totals wins; without one, that breakdown which cuts the flow the fewest ways. #}
{% macro counted_comtrade(relation) -%}
    {%- set flow -%}
        reporter_code, partner_code, flow_code, frequency, period, classification_code, commodity_code
    {%- endset -%}
    select *
    from (
        select *
        from {{ relation }}
        qualify
            rank() over (
                partition by {{ flow }}
                order by
                    cast(has_second_partner as integer)
                    + cast(has_transport as integer)
                    + cast(has_customs_procedure as integer),
                    has_customs_procedure,
                    has_transport
            ) = 1
    ) as least_broken_down
    -- 2000 (water) stands beside 2100 (sea), which is a part of it
    qualify
        not has_transport
        or right(transport_code, 3) = '000'
        or not bool_or(right(transport_code, 3) = '000') over (partition by {{ flow }})
{%- endmacro %}

{# Procedure 4 is the total of the others, where it stands. #}
{% macro counted_comext(relation) -%}
    select *
    from {{ relation }}
    qualify
        stat_procedure_code = '4'
        or not bool_or(stat_procedure_code = '4') over (
            partition by reporter_code, partner_code, flow_code, frequency, period, commodity_code
        )
{%- endmacro %}
