{#- One row per pair and direction: what the first country of the direction sells, supplies and lends. -#}
{%- set directions = [('first', 'second'), ('second', 'first')] -%}
with

directions as (

    {% for from_side, to_side in directions -%}
        select
            pair_id,
            {{ from_side }}_country_code as from_country_code,
            {{ to_side }}_country_code as to_country_code,
            sector_id,
            period,
            exports_{{ from_side }}_to_{{ to_side }}_usd as exports_usd,
            exports_{{ from_side }}_to_{{ to_side }}_coverage as exports_coverage,
            awards_{{ from_side }}_at_{{ to_side }}_count as award_count,
            awards_{{ from_side }}_at_{{ to_side }}_value_usd as award_value_usd,
            awards_{{ from_side }}_at_{{ to_side }}_coverage as awards_coverage,
            loans_{{ from_side }}_to_{{ to_side }}_repaid_usd as repaid_usd,
            loans_{{ from_side }}_to_{{ to_side }}_interest_usd as interest_usd,
            loans_{{ from_side }}_to_{{ to_side }}_coverage as loans_coverage,
            localised_product_count,
            localisation_coverage,
            refused_row_count
        from {{ ref('mart_sector_cooperation') }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

cooperation as (

    select
        directions.pair_id,
        directions.from_country_code,
        directions.to_country_code,
        from_countries.country_name_en || ' to ' || to_countries.country_name_en as direction,
        directions.sector_id,
        sectors.sector_name_en as sector_name,
        directions.period,
        periods.start_date,
        directions.exports_usd,
        directions.exports_coverage,
        coalesce(
            cast(cast(directions.exports_usd / 1000000 as decimal(18, 1)) as varchar),
            directions.exports_coverage
        ) as exports_told,
        directions.award_count,
        directions.award_value_usd,
        directions.awards_coverage,
        coalesce(
            cast(cast(directions.award_count as decimal(18, 1)) as varchar), directions.awards_coverage
        ) as awards_told,
        directions.repaid_usd,
        directions.interest_usd,
        directions.loans_coverage,
        coalesce(
            cast(cast(directions.repaid_usd / 1000000 as decimal(18, 1)) as varchar),
            directions.loans_coverage
        ) as loans_told,
        directions.localised_product_count,
        directions.localisation_coverage,
        coalesce(
            cast(directions.localised_product_count as varchar), directions.localisation_coverage
        ) as localisation_told,
        directions.refused_row_count
    from directions
    inner join {{ ref('dim_countries') }} as from_countries
        on directions.from_country_code = from_countries.country_code
    inner join {{ ref('dim_countries') }} as to_countries
        on directions.to_country_code = to_countries.country_code
    inner join {{ ref('dim_sectors') }} as sectors on directions.sector_id = sectors.sector_id
    inner join {{ ref('dim_periods') }} as periods on directions.period = periods.period

)

select * from cooperation
