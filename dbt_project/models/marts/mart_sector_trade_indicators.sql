{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

flows as (

    select *
    from {{ ref('int_trade_flows_by_direction') }}
    where {{ touched('period') }}

),

world as (

    select
        period,
        cast(count(distinct exporter_code) as integer) as exporter_count
    from {{ ref('int_trade_matrix_by_year') }}
    where {{ in_indicators('sector_id') }} and value_usd is not null
    group by period

),

-- indicators divide by the trade of all, so what is missing of any record of the year is missing here
sources as (

    select distinct
        period,
        source_dataset
    from {{ ref('int_trade_matrix_by_year') }}
    where {{ in_indicators('sector_id') }} and value_usd is not null and {{ touched('period') }}

),

refused as (

    select
        sources.period,
        cast(sum(slices.refused_row_count) as bigint) as refused_row_count
    from sources
    inner join {{ ref('int_refused_rows_by_slice') }} as slices
        on
            sources.source_dataset = slices.source_dataset
            and sources.period = slices.slice_key
            and slices.told_by = 'year'
    group by sources.period

),

indicators as (

    select
        flows.from_country_code as country_code,
        flows.to_country_code as partner_code,
        flows.sector_id,
        flows.period,
        'A' as frequency,
        cast(flows.exports_usd as decimal(18, 2)) as exports_usd,
        cast(flows.imports_usd as decimal(18, 2)) as imports_usd,
        cast(
            1 - abs(flows.exports_usd - flows.imports_usd)
            / nullif(flows.exports_usd + flows.imports_usd, 0) as decimal(18, 6)
        ) as grubel_lloyd,
        cast(countries.rca as decimal(18, 6)) as rca,
        cast(countries.rsca as decimal(18, 6)) as rsca,
        cast(countries.lafay as decimal(18, 6)) as lafay,
        cast(countries.import_hhi as decimal(18, 6)) as import_hhi,
        cast(countries.import_hhi_normalised as decimal(18, 6)) as import_hhi_normalised,
        cast(pairs.trade_intensity as decimal(18, 6)) as trade_intensity,
        cast(pairs.complementarity_michaely as decimal(18, 6)) as complementarity_michaely,
        cast(pairs.complementarity_drysdale as decimal(18, 6)) as complementarity_drysdale,
        cast(pairs.grubel_lloyd_weighted as decimal(18, 6)) as grubel_lloyd_weighted,
        cast(pairs.grubel_lloyd_adjusted as decimal(18, 6)) as grubel_lloyd_adjusted,
        flows.exports_month_count,
        flows.imports_month_count,
        case
            when flows.exports_usd is null and flows.imports_usd is null then 'no data'
            when flows.exports_usd is null then 'imports only'
            when flows.imports_usd is null then 'exports only'
            when least(flows.exports_month_count, flows.imports_month_count) < 12
                then
                    'partial: ' || least(flows.exports_month_count, flows.imports_month_count)
                    || ' of 12 months'
            when 'reconciled' in (flows.exports_origin, flows.imports_origin) then 'reconciled'
            else 'reports'
        end as coverage,
        flows.exports_crosswalk_mass,
        flows.imports_crosswalk_mass,
        world.exporter_count as world_exporter_count,
        coalesce(refused.refused_row_count, 0) as refused_row_count
    from flows
    inner join world on flows.period = world.period
    inner join {{ ref('int_trade_indicators_by_country') }} as countries
        on
            flows.from_country_code = countries.country_code
            and flows.sector_id = countries.sector_id
            and flows.period = countries.period
    inner join {{ ref('int_trade_indicators_by_direction') }} as pairs
        on
            flows.from_country_code = pairs.from_country_code
            and flows.to_country_code = pairs.to_country_code
            and flows.period = pairs.period
    left join refused on flows.period = refused.period

)

select * from indicators
