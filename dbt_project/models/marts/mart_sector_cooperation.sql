with

pairs as (

    select * from {{ ref('int_pairs_by_configuration') }}

),

exports as (

    select * from {{ ref('int_exports_by_pair') }}

),

awards as (

    select * from {{ ref('int_awards_by_pair') }}

),

loans as (

    select * from {{ ref('int_loans_by_pair') }}

),

pair_years as (

    select
        pair_id,
        period
    from exports

    union

    select
        pair_id,
        period
    from awards
    where award_count is not null

    union

    select
        pair_id,
        period
    from loans

),

-- products that are to count in either country, as they stood at the end of a year
products as (

    select
        pairs.pair_id,
        pair_years.period,
        localisation.sector_id,
        localisation.product_id,
        localisation.is_eligible,
        localisation.coverage
    from pairs
    inner join {{ ref('mart_localisation') }} as localisation
        on localisation.country_code in (pairs.first_country_code, pairs.second_country_code)
    inner join pair_years
        on
            pairs.pair_id = pair_years.pair_id
            and extract('year' from localisation.as_of_date) <= cast(pair_years.period as integer)
    qualify
        row_number() over (
            partition by
                pairs.pair_id, pair_years.period, localisation.product_id, localisation.country_code
            order by localisation.as_of_date desc
        ) = 1

),

localised as (

    select
        pair_id,
        sector_id,
        period,
        cast(count(distinct product_id) filter (where is_eligible) as integer) as localised_product_count,
        max(coverage) as coverage
    from products
    group by pair_id, sector_id, period

),

-- every leaf sector in every year of which anything is known, so that a gap is a row
spine as (

    select
        pairs.pair_id,
        pairs.first_country_code,
        pairs.second_country_code,
        sectors.sector_id,
        pair_years.period
    from pairs
    inner join pair_years on pairs.pair_id = pair_years.pair_id
    cross join {{ ref('dim_sectors') }} as sectors
    where sectors.is_leaf

),

cooperation as (

    select
        spine.pair_id,
        spine.first_country_code,
        spine.second_country_code,
        spine.sector_id,
        spine.period,
        'A' as frequency,
        exports_forth.value_usd as exports_first_to_second_usd,
        exports_forth.month_count as exports_first_to_second_month_count,
        coalesce(exports_forth.coverage, 'no data') as exports_first_to_second_coverage,
        exports_forth.crosswalk_mass as exports_first_to_second_crosswalk_mass,
        exports_back.value_usd as exports_second_to_first_usd,
        exports_back.month_count as exports_second_to_first_month_count,
        coalesce(exports_back.coverage, 'no data') as exports_second_to_first_coverage,
        exports_back.crosswalk_mass as exports_second_to_first_crosswalk_mass,
        awards_forth.award_count as awards_first_at_second_count,
        awards_forth.award_count_with_value as awards_first_at_second_count_with_value,
        awards_forth.award_value_usd as awards_first_at_second_value_usd,
        coalesce(awards_forth.coverage, 'no data') as awards_first_at_second_coverage,
        awards_forth.crosswalk_mass as awards_first_at_second_crosswalk_mass,
        awards_back.award_count as awards_second_at_first_count,
        awards_back.award_count_with_value as awards_second_at_first_count_with_value,
        awards_back.award_value_usd as awards_second_at_first_value_usd,
        coalesce(awards_back.coverage, 'no data') as awards_second_at_first_coverage,
        awards_back.crosswalk_mass as awards_second_at_first_crosswalk_mass,
        loans_forth.repaid_usd as loans_first_to_second_repaid_usd,
        loans_forth.interest_usd as loans_first_to_second_interest_usd,
        coalesce(loans_forth.coverage, 'no data') as loans_first_to_second_coverage,
        loans_forth.crosswalk_mass as loans_first_to_second_crosswalk_mass,
        loans_back.repaid_usd as loans_second_to_first_repaid_usd,
        loans_back.interest_usd as loans_second_to_first_interest_usd,
        coalesce(loans_back.coverage, 'no data') as loans_second_to_first_coverage,
        loans_back.crosswalk_mass as loans_second_to_first_crosswalk_mass,
        localised.localised_product_count,
        coalesce(localised.coverage, 'no data') as localisation_coverage,
        coalesce(refused.refused_row_count, 0) as refused_row_count
    from spine
    {% for what in ['exports', 'awards', 'loans'] -%}
        {%- for way, direction in [('forth', 'first to second'), ('back', 'second to first')] -%}
            left join {{ what }} as {{ what }}_{{ way }}
                on
                    spine.pair_id = {{ what }}_{{ way }}.pair_id
                    and spine.sector_id = {{ what }}_{{ way }}.sector_id
                    and spine.period = {{ what }}_{{ way }}.period
                    and {{ what }}_{{ way }}.direction = '{{ direction }}'
        {% endfor -%}
    {%- endfor -%}
    left join localised
        on
            spine.pair_id = localised.pair_id
            and spine.sector_id = localised.sector_id
            and spine.period = localised.period
    left join {{ ref('int_refused_rows_by_pair') }} as refused
        on
            spine.pair_id = refused.pair_id
            and spine.sector_id = refused.sector_id
            and spine.period = refused.period

)

select * from cooperation
