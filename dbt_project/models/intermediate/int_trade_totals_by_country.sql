{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

cells as (

    select *
    from {{ ref('int_trade_matrix_by_year') }}
    where {{ in_indicators('sector_id') }} and value_usd is not null and {{ touched('period') }}

),

sides as (

    select
        exporter_code as country_code,
        sector_id,
        period,
        value_usd as exports_usd,
        cast(0 as decimal(18, 2)) as imports_usd
    from cells

    union all

    select
        importer_code as country_code,
        sector_id,
        period,
        cast(0 as decimal(18, 2)) as exports_usd,
        value_usd as imports_usd
    from cells

),

country_years as (

    select distinct
        country_code,
        period
    from sides

),

sector_years as (

    select distinct
        sector_id,
        period
    from sides

),

-- a sector in which a country trades nothing counts as zero, if anybody trades in it that year
spine as (

    select
        country_years.country_code,
        sector_years.sector_id,
        sector_years.period
    from country_years
    inner join sector_years on country_years.period = sector_years.period

),

totals as (

    select
        spine.country_code,
        spine.sector_id,
        spine.period,
        coalesce(sum(sides.exports_usd), 0) as exports_usd,
        coalesce(sum(sides.imports_usd), 0) as imports_usd
    from spine
    left join sides
        on
            spine.country_code = sides.country_code
            and spine.sector_id = sides.sector_id
            and spine.period = sides.period
    group by spine.country_code, spine.sector_id, spine.period

),

-- w stands for all countries whose trade of the year is at hand
totals_by_country as (

    select
        country_code,
        sector_id,
        period,
        cast(exports_usd as decimal(24, 2)) as exports_usd,
        cast(imports_usd as decimal(24, 2)) as imports_usd,
        cast(sum(exports_usd) over (partition by country_code, period) as decimal(24, 2))
            as all_exports_usd,
        cast(sum(imports_usd) over (partition by country_code, period) as decimal(24, 2))
            as all_imports_usd,
        cast(sum(exports_usd) over (partition by sector_id, period) as decimal(24, 2))
            as world_usd,
        cast(sum(exports_usd) over (partition by period) as decimal(24, 2)) as all_world_usd
    from totals

)

select * from totals_by_country
