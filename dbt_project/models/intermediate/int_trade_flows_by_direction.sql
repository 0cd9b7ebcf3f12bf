{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

directions as (

    select distinct
        from_country_code,
        to_country_code
    from {{ ref('int_directions_by_pair') }}

),

totals as (

    select *
    from {{ ref('int_trade_totals_by_country') }}
    where {{ touched('period') }}

),

-- every sector of a year in which both countries trade with anybody
spine as (

    select
        directions.from_country_code,
        directions.to_country_code,
        exporters.sector_id,
        exporters.period
    from directions
    inner join totals as exporters on directions.from_country_code = exporters.country_code
    inner join totals as importers
        on
            directions.to_country_code = importers.country_code
            and exporters.sector_id = importers.sector_id
            and exporters.period = importers.period

),

known_pairs as (

    select
        exporter_code,
        importer_code,
        period,
        min(month_count) as month_count,
        min(origin) as origin
    from {{ ref('int_trade_matrix_by_year') }}
    where {{ in_indicators('sector_id') }} and value_usd is not null and {{ touched('period') }}
    group by exporter_code, importer_code, period

),

flows as (

    select
        spine.from_country_code,
        spine.to_country_code,
        spine.sector_id,
        spine.period,
        -- nothing in a sector is zero where the pair's record is at hand, else it is not known
        case
            when known_pairs.period is not null then coalesce(cells.value_usd, 0)
        end as exports_usd,
        known_pairs.month_count,
        known_pairs.origin,
        cells.crosswalk_mass
    from spine
    left join known_pairs
        on
            spine.from_country_code = known_pairs.exporter_code
            and spine.to_country_code = known_pairs.importer_code
            and spine.period = known_pairs.period
    left join {{ ref('int_trade_matrix_by_year') }} as cells
        on
            spine.from_country_code = cells.exporter_code
            and spine.to_country_code = cells.importer_code
            and spine.sector_id = cells.sector_id
            and spine.period = cells.period

),

both_ways as (

    select
        forth.from_country_code,
        forth.to_country_code,
        forth.sector_id,
        forth.period,
        forth.exports_usd,
        back.exports_usd as imports_usd,
        forth.month_count as exports_month_count,
        back.month_count as imports_month_count,
        forth.origin as exports_origin,
        back.origin as imports_origin,
        forth.crosswalk_mass as exports_crosswalk_mass,
        back.crosswalk_mass as imports_crosswalk_mass
    from flows as forth
    inner join flows as back
        on
            forth.from_country_code = back.to_country_code
            and forth.to_country_code = back.from_country_code
            and forth.sector_id = back.sector_id
            and forth.period = back.period

)

select * from both_ways
