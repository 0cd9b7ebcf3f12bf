-- Warns about flows whose finer rows add up to more than 0.5 % above their total: a level that was
-- restated alone, or loaded at another time. The finer rows are taken; load the total again.
{{ config(severity='warn') }}

with

totals as (

    select
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        value_original as total_value
    from {{ ref('int_trade_rows_by_source') }}
    where code = '' and {{ touched_exactly('period') }}

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
    totals.total_value,
    flows.flow_value
from totals
inner join flows using (source_dataset, reporter_code, partner_code, flow_code, frequency, period)
where flows.flow_value > 1.005 * totals.total_value + 1
