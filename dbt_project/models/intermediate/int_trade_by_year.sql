{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

-- one source and one frequency for each reporter, partner, flow and year
chosen as (

    select *
    from {{ ref('int_trade_sources_by_year') }}
    where report_preference = 1

),

trade_by_year as (

    select
        trade.reporter_code,
        trade.partner_code,
        trade.sector_id,
        chosen.year_period as period,
        'A' as frequency,
        trade.flow_code,
        cast(
            case when count(trade.value_usd) = count(*) then sum(trade.value_usd) end as decimal(18, 2)
        ) as value_usd,
        cast(sum(trade.value_original) as decimal(18, 2)) as value_original,
        cast(sum(trade.unambiguous_value) as decimal(18, 2)) as unambiguous_value,
        min(trade.valuation_code) as valuation_code,
        cast(
            case chosen.frequency
                when 'A' then 12
                when 'Q' then 3 * count(distinct trade.period)
                else count(distinct trade.period)
            end as integer
        ) as month_count,
        chosen.month_count as flow_month_count,
        chosen.heading_count,
        chosen.has_products,
        chosen.source_dataset,
        chosen.source_kind
    from {{ ref('int_trade_by_source') }} as trade
    inner join chosen
        on
            trade.source_dataset = chosen.source_dataset
            and trade.frequency = chosen.frequency
            and trade.reporter_code = chosen.reporter_code
            and trade.partner_code = chosen.partner_code
            and trade.flow_code = chosen.flow_code
            and left(trade.period, 4) = chosen.year_period
    where {{ touched('trade.period') }}
    group by
        trade.reporter_code, trade.partner_code, trade.sector_id, chosen.year_period, trade.flow_code,
        chosen.frequency, chosen.month_count, chosen.heading_count, chosen.has_products,
        chosen.source_dataset, chosen.source_kind

)

select * from trade_by_year
