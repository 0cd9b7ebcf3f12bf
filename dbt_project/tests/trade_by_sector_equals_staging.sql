-- Money identity: over all sectors the mart holds, to the cent, what the flows of the chosen source
-- hold, for each source, reporter, partner, period and flow, and each of these has one source a year.
-- The tolerance is the rounding to cents of each sector, and of stated weights.
with

mart as (

    select
        source_dataset,
        reporter_code,
        partner_code,
        frequency,
        period,
        flow_code,
        sum(value_original) as mart_value,
        0.005 * count(*) as tolerance
    from {{ ref('mart_sector_trade') }}
    where {{ touched('period') }}
    group by source_dataset, reporter_code, partner_code, frequency, period, flow_code

),

flows as (

    select
        flows.source_dataset,
        flows.reporter_code,
        flows.partner_code,
        flows.frequency,
        flows.period,
        flows.flow_code,
        sum(flows.value_original) as flow_value
    from {{ ref('int_trade_flows_by_source') }} as flows
    inner join {{ ref('int_trade_sources_by_year') }} as sources
        on
            flows.source_dataset = sources.source_dataset
            and flows.reporter_code = sources.reporter_code
            and flows.partner_code = sources.partner_code
            and flows.flow_code = sources.flow_code
            and left(flows.period, 4) = sources.year_period
            and sources.preference = 1
    where {{ touched('flows.period') }}
    group by
        flows.source_dataset, flows.reporter_code, flows.partner_code, flows.frequency, flows.period,
        flows.flow_code

)

select
    source_dataset,
    reporter_code,
    partner_code,
    frequency,
    period,
    flow_code,
    flows.flow_value,
    mart.mart_value
from flows
full outer join mart using (source_dataset, reporter_code, partner_code, frequency, period, flow_code)
where
    flows.flow_value is null
    or mart.mart_value is null
    or abs(flows.flow_value - mart.mart_value) > mart.tolerance
