{{ config(tags=['explains_trade', 'explains_cooperation']) }}

with

reports as (

    select
        *,
        case flow_code when 'X' then reporter_code else partner_code end as exporter_code,
        case flow_code when 'X' then partner_code else reporter_code end as importer_code,
        case flow_code when 'X' then 'exporter' else 'importer' end as side
    from {{ ref('lineage_trade_rows') }}
    where is_reported

),

-- a total of one side is left out where the other side has products
sides as (

    select
        reports.source_dataset,
        reports.load_id,
        reports.row_number,
        reports.counted_as,
        reports.side || ' ' || reports.period || ' ' || reports.part as part,
        reports.exporter_code,
        reports.importer_code,
        reports.sector_id,
        reports.year_period as period,
        reports.side,
        reports.period as report_period,
        reports.value_original,
        reports.currency_code,
        reports.usd_per_unit,
        sides.valuation_code,
        sides.is_best_side
    from reports
    inner join {{ ref('int_trade_sides_by_year') }} as sides
        on
            reports.exporter_code = sides.exporter_code
            and reports.importer_code = sides.importer_code
            and reports.sector_id = sides.sector_id
            and reports.year_period = sides.period
            and reports.side = sides.side

)

select * from sides
