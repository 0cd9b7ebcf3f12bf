{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

trade as (

    select
        reporter_code,
        partner_code,
        sector_id,
        period,
        frequency,
        flow_code,
        value_usd,
        value_original,
        currency_code,
        rate_source,
        rate_date,
        valuation_code,
        cast({{ divide_exact('unambiguous_value', 'value_original', 6) }} as decimal(9, 6))
            as crosswalk_mass,
        product_rows,
        source_dataset
    from {{ ref('int_trade_by_sector') }}
    where {{ touched('period') }}

)

select * from trade
