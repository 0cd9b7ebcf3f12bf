with

suppliers as (

    select
        participation.supplier_id,
        coalesce(participation.organisation_name, 'name withheld or not told') as supplier_shown,
        participation.supplier_country_code,
        supplier_countries.country_name_en as supplier_country_name,
        participation.buyer_country_code,
        buyer_countries.country_name_en as buyer_country_name,
        participation.supplier_country_code <> participation.buyer_country_code
        and participation.supplier_country_code <> 'unknown'
        and participation.buyer_country_code <> 'unknown' as is_across_border,
        participation.sector_id,
        sectors.sector_name_en as sector_name,
        participation.period,
        participation.bid_count,
        participation.win_count,
        participation.award_count,
        participation.award_value_usd,
        participation.single_bid_share,
        participation.refused_row_count,
        participation.source_datasets
    from {{ ref('mart_supplier_participation') }} as participation
    inner join {{ ref('dim_countries') }} as supplier_countries
        on participation.supplier_country_code = supplier_countries.country_code
    inner join {{ ref('dim_countries') }} as buyer_countries
        on participation.buyer_country_code = buyer_countries.country_code
    inner join {{ ref('dim_sectors') }} as sectors on participation.sector_id = sectors.sector_id

)

select * from suppliers
