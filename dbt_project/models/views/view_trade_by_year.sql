with

trade as (

    select
        mirror.exporter_code,
        exporters.country_name_en as exporter_name,
        mirror.importer_code,
        importers.country_name_en as importer_name,
        exporters.country_name_en || ' to ' || importers.country_name_en as direction,
        mirror.sector_id,
        sectors.sector_name_en as sector_name,
        mirror.period,
        periods.start_date,
        mirror.best_value_usd,
        mirror.best_value_side,
        mirror.exporter_value_usd,
        mirror.importer_value_usd,
        mirror.mirror_gap,
        mirror.asymmetry,
        mirror.confidence,
        mirror.coverage,
        mirror.refused_row_count,
        mirror.exporter_source_dataset,
        mirror.importer_source_dataset
    from {{ ref('mart_trade_mirror') }} as mirror
    inner join {{ ref('dim_countries') }} as exporters on mirror.exporter_code = exporters.country_code
    inner join {{ ref('dim_countries') }} as importers on mirror.importer_code = importers.country_code
    inner join {{ ref('dim_sectors') }} as sectors on mirror.sector_id = sectors.sector_id
    inner join {{ ref('dim_periods') }} as periods on mirror.period = periods.period

)

select * from trade
