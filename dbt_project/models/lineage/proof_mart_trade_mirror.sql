{{ config(tags=['explains_trade', 'explains_cooperation']) }}

with

periods as (

    select
        exporter_code,
        importer_code,
        sector_id,
        period,
        side,
        is_best_side,
        valuation_code,
        report_period,
        cast(
            cast(cast(sum(value_original) as decimal(18, 2)) as decimal(24, 2)) * max(usd_per_unit)
            as decimal(18, 2)
        ) as value_usd
    from {{ ref('lineage_mart_trade_mirror') }}
    group by
        exporter_code, importer_code, sector_id, period, side, is_best_side, valuation_code, report_period,
        currency_code

),

sides as (

    select
        exporter_code,
        importer_code,
        sector_id,
        period,
        side,
        is_best_side,
        valuation_code,
        cast(case when count(value_usd) = count(*) then sum(value_usd) end as decimal(18, 2)) as value_usd
    from periods
    group by exporter_code, importer_code, sector_id, period, side, is_best_side, valuation_code

),

fob as (

    select
        *,
        cast(
            case valuation_code
                when 'CIF' then {{ divide_exact('value_usd', var('cif_fob_factor'), 2) }}
                else value_usd
            end as decimal(18, 2)
        ) as value_fob_usd
    from sides

),

mirrored as (

    select
        exporter_code,
        importer_code,
        sector_id,
        period,
        max(value_usd) filter (where side = 'exporter') as exporter_value_usd,
        max(value_usd) filter (where side = 'importer') as importer_value_usd,
        max(value_fob_usd) filter (where is_best_side) as best_value_usd
    from fob
    group by exporter_code, importer_code, sector_id, period

)

select * from mirrored
