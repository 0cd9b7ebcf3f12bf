{{ config(tags=['explains_procurement', 'explains_cooperation']) }}

with

added_up as (

    select
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        cast(sum(award_part) as decimal(18, 6)) as award_count,
        cast(coalesce(sum(part_with_value), 0) as decimal(18, 6)) as award_count_with_value,
        cast(coalesce(sum(part_in_usd), 0) as decimal(18, 6)) as award_count_in_usd,
        cast(sum(value_usd) as decimal(18, 2)) as award_value_usd,
        cast(sum(bid_part) as decimal(18, 6)) as bid_count
    from {{ ref('lineage_mart_sector_procurement') }}
    where load_id is not null
    group by buyer_country_code, supplier_country_code, sector_id, period

)

select * from added_up
