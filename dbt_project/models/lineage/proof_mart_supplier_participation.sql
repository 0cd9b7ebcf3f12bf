{{ config(tags=['explains_procurement']) }}

with

added_up as (

    select
        supplier_id,
        supplier_country_code,
        buyer_country_code,
        sector_id,
        period,
        cast(coalesce(sum(bid_part), 0) as decimal(18, 6)) as bid_count,
        cast(coalesce(sum(win_part), 0) as decimal(18, 6)) as win_count,
        cast(coalesce(sum(award_part), 0) as decimal(18, 6)) as award_count,
        cast(sum(value_usd) as decimal(18, 2)) as award_value_usd
    from {{ ref('lineage_mart_supplier_participation') }}
    where load_id is not null
    group by supplier_id, supplier_country_code, buyer_country_code, sector_id, period

)

select * from added_up
