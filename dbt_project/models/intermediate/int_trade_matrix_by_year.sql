{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

-- the better of both partners' reports, and what was reconciled of both
candidates as (

    select
        exporter_code,
        importer_code,
        sector_id,
        period,
        value_fob_usd as value_usd,
        flow_month_count as month_count,
        side as origin,
        source_dataset,
        crosswalk_mass
    from {{ ref('int_trade_sides_by_year') }}
    where is_best_side and {{ touched('period') }}

    union all

    select
        reporter_code as exporter_code,
        partner_code as importer_code,
        sector_id,
        period,
        value_usd,
        12 as month_count,
        'reconciled' as origin,
        source_dataset,
        cast({{ divide_exact('unambiguous_value', 'value_original', 6) }} as decimal(9, 6))
            as crosswalk_mass
    from {{ ref('int_trade_by_source') }}
    where
        source_kind = 'reconciled'
        and frequency = 'A'
        and flow_code = 'X'
        and {{ touched('period') }}

),

origins as (

    select
        exporter_code,
        importer_code,
        period,
        origin,
        row_number() over (
            partition by exporter_code, importer_code, period
            order by
                bool_or(sector_id <> 'unallocated') desc,
                max(month_count) = 12 desc,
                count(*) = count(value_usd) desc,
                origin = 'reconciled' asc
        ) as preference
    from candidates
    group by exporter_code, importer_code, period, origin

),

matrix as (

    select
        candidates.exporter_code,
        candidates.importer_code,
        candidates.sector_id,
        candidates.period,
        candidates.value_usd,
        cast(candidates.month_count as integer) as month_count,
        candidates.origin,
        candidates.source_dataset,
        candidates.crosswalk_mass
    from candidates
    inner join origins
        on
            candidates.exporter_code = origins.exporter_code
            and candidates.importer_code = origins.importer_code
            and candidates.period = origins.period
            and candidates.origin = origins.origin
            and origins.preference = 1

)

select * from matrix
