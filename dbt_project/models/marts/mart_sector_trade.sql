{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

refused as (

    select * from {{ ref('int_refused_rows_by_slice') }}
    where told_by = 'year'

),

trade as (

    select
        sectors.reporter_code,
        sectors.partner_code,
        sectors.sector_id,
        sectors.period,
        sectors.frequency,
        sectors.flow_code,
        sectors.value_usd,
        sectors.value_original,
        sectors.currency_code,
        sectors.rate_source,
        sectors.rate_date,
        sectors.valuation_code,
        cast(
            {{ divide_exact('sectors.unambiguous_value', 'sectors.value_original', 6) }} as decimal(9, 6)
        ) as crosswalk_mass,
        sectors.product_rows,
        coalesce(refused.refused_row_count, 0) as refused_row_count,
        sectors.source_dataset
    from {{ ref('int_trade_by_sector') }} as sectors
    left join refused
        on
            sectors.source_dataset = refused.source_dataset
            and left(sectors.period, 4) = refused.slice_key
    where {{ touched('sectors.period') }}

)

select * from trade
