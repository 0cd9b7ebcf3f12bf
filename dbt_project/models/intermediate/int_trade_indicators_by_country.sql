{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

totals as (

    select *
    from {{ ref('int_trade_totals_by_country') }}
    where {{ touched('period') }}

),

supplier_shares as (

    select
        cells.importer_code,
        cells.sector_id,
        cells.period,
        cells.value_usd / nullif(totals.imports_usd, 0) as supplier_share
    from {{ ref('int_trade_matrix_by_year') }} as cells
    inner join totals
        on
            cells.importer_code = totals.country_code
            and cells.sector_id = totals.sector_id
            and cells.period = totals.period
    where cells.value_usd > 0

),

concentration as (

    select
        importer_code,
        sector_id,
        period,
        cast(count(*) as integer) as supplier_count,
        sum(supplier_share * supplier_share) as hhi
    from supplier_shares
    group by importer_code, sector_id, period

),

balances as (

    select
        *,
        all_exports_usd + all_imports_usd as all_trade_usd,
        exports_usd + imports_usd as trade_usd,
        (exports_usd / nullif(all_exports_usd, 0)) / nullif(world_usd / nullif(all_world_usd, 0), 0)
            as rca
    from totals

),

indicators as (

    select
        balances.country_code,
        balances.sector_id,
        balances.period,
        balances.rca,
        (balances.rca - 1) / (balances.rca + 1) as rsca,
        100 * (
            case
                when balances.trade_usd = 0 then 0
                else (balances.exports_usd - balances.imports_usd) / balances.trade_usd
            end
            - (balances.all_exports_usd - balances.all_imports_usd) / nullif(balances.all_trade_usd, 0)
        ) * balances.trade_usd / nullif(balances.all_trade_usd, 0) as lafay,
        concentration.hhi as import_hhi,
        case
            when concentration.supplier_count > 1
                then
                    (concentration.hhi - 1 / concentration.supplier_count)
                    / (1 - 1 / concentration.supplier_count)
        end as import_hhi_normalised,
        coalesce(concentration.supplier_count, 0) as supplier_count
    from balances
    left join concentration
        on
            balances.country_code = concentration.importer_code
            and balances.sector_id = concentration.sector_id
            and balances.period = concentration.period

)

select * from indicators
