{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

chosen as (

    select
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        year_period
    from {{ ref('int_trade_sources_by_year') }}
    where preference = 1

),

-- both frequencies of the one source
trade_by_sector as (

    select
        trade.reporter_code,
        trade.partner_code,
        trade.sector_id,
        trade.period,
        trade.frequency,
        trade.flow_code,
        trade.value_usd,
        trade.value_original,
        trade.unambiguous_value,
        trade.currency_code,
        trade.rate_source,
        trade.rate_date,
        trade.valuation_code,
        trade.product_rows,
        trade.source_dataset
    from {{ ref('int_trade_by_source') }} as trade
    inner join chosen
        on
            trade.source_dataset = chosen.source_dataset
            and trade.reporter_code = chosen.reporter_code
            and trade.partner_code = chosen.partner_code
            and trade.flow_code = chosen.flow_code
            and left(trade.period, 4) = chosen.year_period
    where {{ touched('trade.period') }}

)

select * from trade_by_sector
