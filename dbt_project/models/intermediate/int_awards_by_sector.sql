with

bids as (

    select * from {{ ref('int_bids_by_lot') }}

),

awards_by_sector as (

    select
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        'M' as frequency,
        cast(count(*) filter (where is_winner) as integer) as award_count,
        cast(count(value_rub) filter (where is_winner) as integer) as award_count_with_value,
        cast(sum(value_rub) filter (where is_winner) as decimal(18, 2)) as award_value_rub,
        cast(
            case
                when
                    count(value_rub) filter (where is_winner)
                    = count(value_usd) filter (where is_winner)
                    then sum(value_usd) filter (where is_winner)
            end as decimal(18, 2)
        ) as award_value_usd,
        max(rate_source) as rate_source,
        max(rate_date) as rate_date,
        cast(count(*) as integer) as bid_count,
        cast(count(*) filter (where is_unambiguous) as integer) as unambiguous_bid_count
    from bids
    group by buyer_country_code, supplier_country_code, sector_id, period

)

select * from awards_by_sector
