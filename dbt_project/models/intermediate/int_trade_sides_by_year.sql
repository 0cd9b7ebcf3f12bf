{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

reports as (

    select
        *,
        case flow_code when 'X' then 'exporter' else 'importer' end as side,
        case flow_code when 'X' then reporter_code else partner_code end as exporter_code,
        case flow_code when 'X' then partner_code else reporter_code end as importer_code
    from {{ ref('int_trade_by_year') }}
    where {{ touched('period') }}

),

side_years as (

    select distinct
        exporter_code,
        importer_code,
        period,
        side,
        has_products,
        heading_count,
        flow_month_count
    from reports

),

compared as (

    select
        *,
        heading_count < {{ var('whole_source_share') }} * max(heading_count) over (
            partition by exporter_code, importer_code, period
        ) as is_extract,
        bool_or(has_products) over (partition by exporter_code, importer_code, period)
            as pair_has_products,
        count(*) over (partition by exporter_code, importer_code, period) = 2 as has_other_side
    from side_years

),

-- the record that has products, more of them and more months is the better one; of two equal ones
-- the exporter's is, which is free on board already
ranked as (

    select
        *,
        row_number() over (
            partition by exporter_code, importer_code, period
            order by has_products desc, is_extract asc, flow_month_count desc, side asc
        ) as preference
    from compared

),

-- a total of one side is left out where the other side has products: it would stand beside its parts
sides_by_year as (

    select
        reports.exporter_code,
        reports.importer_code,
        reports.sector_id,
        reports.period,
        reports.side,
        reports.value_usd,
        cast(
            case reports.valuation_code
                when 'CIF' then {{ divide_exact('reports.value_usd', var('cif_fob_factor'), 2) }}
                else reports.value_usd
            end as decimal(18, 2)
        ) as value_fob_usd,
        reports.valuation_code,
        reports.month_count,
        reports.flow_month_count,
        cast(
            {{ divide_exact('reports.unambiguous_value', 'reports.value_original', 6) }} as decimal(9, 6)
        ) as crosswalk_mass,
        reports.source_dataset,
        reports.source_kind,
        ranked.preference = 1 as is_best_side,
        ranked.has_other_side
    from reports
    inner join ranked
        on
            reports.exporter_code = ranked.exporter_code
            and reports.importer_code = ranked.importer_code
            and reports.period = ranked.period
            and reports.side = ranked.side
    where reports.has_products or not ranked.pair_has_products

)

select * from sides_by_year
