with

directions as (

    select * from {{ ref('int_directions_by_pair') }}

),

awards as (

    select
        buyer_country_code,
        supplier_country_code,
        sector_id,
        left(period, 4) as period,
        sum(award_count) as award_count,
        sum(award_count_with_value) as award_count_with_value,
        sum(award_value_usd) as award_value_usd,
        sum(bid_count) as bid_count,
        sum(crosswalk_mass * (award_count + bid_count)) / sum(award_count + bid_count) as crosswalk_mass
    from {{ ref('int_awards_by_sector') }}
    group by buyer_country_code, supplier_country_code, sector_id, left(period, 4)

),

-- direction is the supply's: suppliers of the first country at buyers of the second
between_partners as (

    select
        directions.pair_id,
        directions.direction,
        awards.*
    from directions
    inner join awards
        on
            directions.from_country_code = awards.supplier_country_code
            and directions.to_country_code = awards.buyer_country_code

),

all_awards as (

    select
        buyer_country_code,
        sector_id,
        period,
        sum(award_count) as award_count
    from awards
    group by buyer_country_code, sector_id, period

),

observed as (

    select
        directions.pair_id,
        directions.direction,
        all_awards.sector_id,
        all_awards.period,
        all_awards.award_count as observed_award_count
    from directions
    inner join all_awards on directions.to_country_code = all_awards.buyer_country_code

),

awards_by_pair as (

    select
        observed.pair_id,
        observed.direction,
        observed.sector_id,
        observed.period,
        cast(partners.award_count as decimal(18, 6)) as award_count,
        cast(partners.award_count_with_value as decimal(18, 6)) as award_count_with_value,
        cast(partners.award_value_usd as decimal(18, 2)) as award_value_usd,
        case
            when partners.award_count > 0 then 'published'
            when partners.bid_count > 0 then 'bids without an award'
            else 'none of ' || cast(round(observed.observed_award_count) as integer) || ' awards'
        end as coverage,
        cast(partners.crosswalk_mass as decimal(9, 6)) as crosswalk_mass
    from observed
    left join between_partners as partners
        on
            observed.pair_id = partners.pair_id
            and observed.direction = partners.direction
            and observed.sector_id = partners.sector_id
            and observed.period = partners.period

)

select * from awards_by_pair
