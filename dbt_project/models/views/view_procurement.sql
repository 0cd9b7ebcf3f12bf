with

procurement as (

    select
        awards.buyer_country_code,
        buyers.country_name_en as buyer_country_name,
        awards.supplier_country_code,
        suppliers.country_name_en as supplier_country_name,
        coalesce(
            awards.buyer_country_code <> awards.supplier_country_code
            and awards.buyer_country_code <> 'unknown'
            and awards.supplier_country_code <> 'unknown',
            false
        ) as is_across_border,
        awards.sector_id,
        sectors.sector_name_en as sector_name,
        awards.period,
        periods.start_date,
        awards.award_count,
        awards.award_count_with_value,
        awards.award_value_usd,
        coalesce(
            cast(cast(awards.award_value_usd / 1000000 as decimal(18, 3)) as varchar),
            'value not told'
        ) as award_value_told,
        awards.bid_count,
        awards.restricted_share,
        awards.restricted_share_note,
        awards.refused_row_count,
        awards.source_datasets
    from {{ ref('mart_sector_procurement') }} as awards
    inner join {{ ref('dim_countries') }} as buyers on awards.buyer_country_code = buyers.country_code
    inner join {{ ref('dim_countries') }} as suppliers
        on awards.supplier_country_code = suppliers.country_code
    inner join {{ ref('dim_sectors') }} as sectors on awards.sector_id = sectors.sector_id
    left join {{ ref('dim_periods') }} as periods on awards.period = periods.period

)

select * from procurement
