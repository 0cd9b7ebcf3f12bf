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
        loans_back.crosswalk_mass as loans_second_to_first_crosswalk_mass
    from spine
    left join exports as exports_forth
        on
            spine.pair_id = exports_forth.pair_id
            and spine.sector_id = exports_forth.sector_id
            and spine.period = exports_forth.period
            and exports_forth.direction = 'first to second'
    left join exports as exports_back
        on
            spine.pair_id = exports_back.pair_id
            and spine.sector_id = exports_back.sector_id
            and spine.period = exports_back.period
            and exports_back.direction = 'second to first'
    left join awards as awards_forth
        on
            spine.pair_id = awards_forth.pair_id
            and spine.sector_id = awards_forth.sector_id
            and spine.period = awards_forth.period
            and awards_forth.direction = 'first to second'
    left join awards as awards_back
        on
            spine.pair_id = awards_back.pair_id
            and spine.sector_id = awards_back.sector_id
            and spine.period = awards_back.period
            and awards_back.direction = 'second to first'
    left join loans as loans_forth
        on
            spine.pair_id = loans_forth.pair_id
            and spine.sector_id = loans_forth.sector_id
            and spine.period = loans_forth.period
            and loans_forth.direction = 'first to second'
    left join loans as loans_back
        on
            spine.pair_id = loans_back.pair_id
            and spine.sector_id = loans_back.sector_id
            and spine.period = loans_back.period
            and loans_back.direction = 'second to first'

)

select * from cooperation
