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
        cast(sum(award_count) as integer) as award_count,
        cast(sum(award_count_with_value) as integer) as award_count_with_value,
        cast(
            case
                when count(award_value_usd) = count(award_value_rub) then sum(award_value_usd)
            end as decimal(18, 2)
        ) as award_value_usd,
        cast(sum(bid_count) as integer) as bid_count,
        cast(sum(unambiguous_bid_count) as integer) as unambiguous_bid_count
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
        cast(sum(award_count) as integer) as award_count
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
        partners.award_count,
        partners.award_count_with_value,
        partners.award_value_usd,
        case
            when partners.award_count > 0 then 'published'
            when partners.bid_count > 0 then 'bids without an award'
            else 'none of ' || observed.observed_award_count || ' awards'
        end as coverage,
        cast(
            {{ divide_exact('partners.unambiguous_bid_count', 'partners.bid_count', 6) }} as decimal(9, 6)
        ) as crosswalk_mass
    from observed
    left join between_partners as partners
        on
            observed.pair_id = partners.pair_id
            and observed.direction = partners.direction
            and observed.sector_id = partners.sector_id
            and observed.period = partners.period

)

select * from awards_by_pair
