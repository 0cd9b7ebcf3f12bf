{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

flows as (

    select
        *,
        exports_usd + imports_usd as trade_usd,
        abs(exports_usd - imports_usd) as imbalance_usd
    from {{ ref('int_trade_flows_by_direction') }}
    where {{ touched('period') }}

),

terms as (

    select
        flows.*,
        exporters.exports_usd / nullif(exporters.all_exports_usd, 0) as export_share,
        importers.imports_usd / nullif(importers.all_imports_usd, 0) as import_share,
        exporters.all_exports_usd as exporter_exports_usd,
        importers.all_imports_usd as importer_imports_usd,
        exporters.all_world_usd,
        -- the world but the exporter: what anybody else buys
        (exporters.all_world_usd - exporters.all_imports_usd)
        / nullif(exporters.world_usd - exporters.imports_usd, 0) as scarcity
    from flows
    inner join {{ ref('int_trade_totals_by_country') }} as exporters
        on
            flows.from_country_code = exporters.country_code
            and flows.sector_id = exporters.sector_id
            and flows.period = exporters.period
    inner join {{ ref('int_trade_totals_by_country') }} as importers
        on
            flows.to_country_code = importers.country_code
            and flows.sector_id = importers.sector_id
            and flows.period = importers.period

),

indicators as (

    select
        from_country_code,
        to_country_code,
        period,
        (sum(exports_usd) / nullif(min(exporter_exports_usd), 0))
        / nullif(min(importer_imports_usd) / nullif(min(all_world_usd), 0), 0) as trade_intensity,
        100 * (1 - sum(abs(import_share - export_share)) / 2) as complementarity_michaely,
        sum(export_share * scarcity * import_share) as complementarity_drysdale,
        (sum(trade_usd) - sum(imbalance_usd)) / nullif(sum(trade_usd), 0) as grubel_lloyd_weighted,
        (sum(trade_usd) - sum(imbalance_usd))
        / nullif(sum(trade_usd) - abs(sum(exports_usd) - sum(imports_usd)), 0) as grubel_lloyd_adjusted
    from terms
    group by from_country_code, to_country_code, period

)

select * from indicators
