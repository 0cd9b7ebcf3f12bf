with

indicators as (

    select
        indicators.country_code,
        countries.country_name_en as country_name,
        indicators.partner_code,
        partners.country_name_en as partner_name,
        indicators.sector_id,
        sectors.sector_name_en as sector_name,
        indicators.period,
        indicators.exports_usd,
        indicators.imports_usd,
        indicators.grubel_lloyd,
        indicators.rca,
        indicators.rsca,
        indicators.lafay,
        indicators.import_hhi,
        indicators.trade_intensity,
        indicators.complementarity_michaely,
        indicators.coverage,
        indicators.world_exporter_count,
        indicators.refused_row_count
    from {{ ref('mart_sector_trade_indicators') }} as indicators
    inner join {{ ref('dim_countries') }} as countries on indicators.country_code = countries.country_code
    inner join {{ ref('dim_countries') }} as partners on indicators.partner_code = partners.country_code
    inner join {{ ref('dim_sectors') }} as sectors on indicators.sector_id = sectors.sector_id

)

select * from indicators
