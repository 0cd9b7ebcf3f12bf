{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_exactly('period')) }}",
    meta={'touched_exactly_by': 'period'}
) }}

with

product_flows as (

    select
        flows.source_dataset,
        flows.source_kind,
        flows.reporter_code,
        flows.partner_code,
        flows.period,
        flows.frequency,
        flows.flow_code,
        flows.currency_code,
        flows.valuation_code,
        flows.is_total,
        flows.value_original * coalesce(sectors.weight, 1) as value_original,
        coalesce(sectors.sector_id, 'unallocated') as sector_id,
        coalesce(sectors.is_unambiguous, false) as is_unambiguous
    from {{ ref('int_trade_flows_by_source') }} as flows
    left join {{ ref('int_sectors_by_trade_code') }} as sectors
        on
            flows.commodity_code = sectors.source_code
            and flows.code_year = sectors.code_year
            and flows.code_scheme = sectors.scheme
    where {{ touched_exactly('flows.period') }}

),

summed as (

    select
        source_dataset,
        source_kind,
        reporter_code,
        partner_code,
        sector_id,
        period,
        frequency,
        flow_code,
        cast(sum(value_original) as decimal(18, 2)) as value_original,
        cast(
            coalesce(sum(value_original) filter (where is_unambiguous), 0) as decimal(18, 2)
        ) as unambiguous_value,
        currency_code,
        -- CIF where any part of the figure is
        min(valuation_code) as valuation_code,
        cast(count(*) filter (where not is_total) as integer) as product_rows
    from product_flows
    group by
        source_dataset, source_kind, reporter_code, partner_code, sector_id, period, frequency,
        flow_code, currency_code

),

converted as (

    select
        summed.source_dataset,
        summed.source_kind,
        summed.reporter_code,
        summed.partner_code,
        summed.sector_id,
        summed.period,
        summed.frequency,
        summed.flow_code,
        cast(
            case
                when summed.currency_code = 'USD' then summed.value_original
                else cast(summed.value_original as decimal(24, 2)) * rates.usd_per_unit
            end as decimal(18, 2)
        ) as value_usd,
        summed.value_original,
        summed.unambiguous_value,
        summed.currency_code,
        rates.rate_source,
        rates.rate_date,
        summed.valuation_code,
        summed.product_rows
    from summed
    left join {{ ref('int_rates_by_period') }} as rates
        on
            summed.currency_code = rates.currency_code
            and summed.period = rates.period
            and summed.frequency = rates.frequency

)

select * from converted
