-- Money identity: no level of a source is lost and none is counted twice. Of each flow, the figure is
-- not below what any one of its levels adds up to, and where there is one level only it is that sum.
-- Half a unit of currency for each row is rounding.
with

levels as (

    select
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        length(code) as code_level,
        sum(value_original) as level_value,
        count(*) as row_count
    from {{ ref('int_trade_rows_by_source') }}
    where {{ touched_exactly('period') }}
    group by
        source_dataset, reporter_code, partner_code, flow_code, frequency, period, length(code)

),

flow_rows as (

    select
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        max(level_value) as greatest_value,
        sum(level_value) as all_values,
        sum(row_count) as row_count,
        count(*) as level_count
    from levels
    group by source_dataset, reporter_code, partner_code, flow_code, frequency, period

),

flows as (

    select
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        sum(value_original) as flow_value
    from {{ ref('int_trade_flows_by_source') }}
    where {{ touched_exactly('period') }}
    group by source_dataset, reporter_code, partner_code, flow_code, frequency, period

)

select
    source_dataset,
    reporter_code,
    partner_code,
    flow_code,
    frequency,
    period,
    flow_rows.greatest_value,
    flow_rows.all_values,
    flows.flow_value
from flow_rows
full outer join flows
    using (source_dataset, reporter_code, partner_code, flow_code, frequency, period)
where
    flows.flow_value is null
    or flow_rows.greatest_value is null
    or flows.flow_value < flow_rows.greatest_value - 0.5 * (flow_rows.row_count + 1)
    or flows.flow_value > flow_rows.all_values
    or (flow_rows.level_count = 1 and flows.flow_value <> flow_rows.all_values)
