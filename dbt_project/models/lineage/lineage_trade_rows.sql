{{ config(materialized='table', tags=['explains_trade', 'explains_cooperation']) }}

{%- set flow = 'source_dataset, reporter_code, partner_code, flow_code, frequency, period' -%}

with

comtrade_flows as (

    select
        *,
        second_partner_code <> '0' as has_second_partner,
        transport_code <> '0' as has_transport,
        customs_code <> 'C00' as has_customs_procedure
    from {{ ref('stg_comtrade__flows') }}
    where flow_code in ('X', 'M')

),

comtrade_rows as (

    {{ counted_comtrade('comtrade_flows') }}

),

comext_rows as (

    {{ counted_comext(ref('stg_comext__flows')) }}

),

landed_rows as (

    select
        'customs_comtrade_flows' as source_dataset,
        _load_id,
        _row,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        commodity_code,
        cast(null as varchar) as valuation_code,
        value_usd as value_own
    from comtrade_rows

    union all

    select
        'customs_fcs_flows' as source_dataset,
        _load_id,
        _row,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        commodity_code,
        cast(null as varchar) as valuation_code,
        value_usd as value_own
    from {{ ref('stg_fcs__flows') }}

    union all

    select
        'customs_comext_flows' as source_dataset,
        _load_id,
        _row,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        commodity_code,
        cast(null as varchar) as valuation_code,
        value_eur as value_own
    from comext_rows

    union all

    select
        'customs_eurostat_flows' as source_dataset,
        _load_id,
        _row,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        commodity_code,
        cast(null as varchar) as valuation_code,
        value_eur as value_own
    from {{ ref('stg_eurostat__flows') }}

    union all

    select
        'customs_baci_flows' as source_dataset,
        _load_id,
        _row,
        exporter_code as reporter_code,
        importer_code as partner_code,
        'X' as flow_code,
        frequency,
        period,
        classification_code,
        commodity_code,
        valuation_code,
        value_usd as value_own
    from {{ ref('stg_baci__flows') }}

    union all

    select
        'customs_imf_totals' as source_dataset,
        _load_id,
        _row,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        cast(null as varchar) as classification_code,
        'TOTAL' as commodity_code,
        valuation_code,
        value_usd as value_own
    from {{ ref('stg_imf__totals') }}

),

flows as (

    select
        *,
        left(period, 4) as year_period
    from {{ ref('int_trade_flows_by_source') }}

),

-- rows of a flow that is counted; what its finer codes tell already is taken off again
counted as (

    select
        flows.* exclude (value_original),
        landed_rows._load_id as load_id,
        landed_rows._row as row_number,
        'counted' as counted_as,
        cast(landed_rows.value_own as decimal(24, 3)) as value_original
    from flows
    inner join landed_rows
        on
            flows.source_dataset = landed_rows.source_dataset
            and flows.reporter_code = landed_rows.reporter_code
            and flows.partner_code = landed_rows.partner_code
            and flows.flow_code = landed_rows.flow_code
            and flows.frequency = landed_rows.frequency
            and flows.period = landed_rows.period
            and flows.commodity_code = landed_rows.commodity_code
            and flows.classification_code is not distinct from landed_rows.classification_code
            and flows.valuation_code = coalesce(landed_rows.valuation_code, flows.valuation_code)

),

own_values as (

    select
        {{ flow }},
        commodity_code,
        sum(value_original) as own_value
    from counted
    group by {{ flow }}, commodity_code

),

told_by_finer_codes as (

    select
        flows.* exclude (value_original),
        cast(null as varchar) as load_id,
        cast(null as bigint) as row_number,
        'told by finer codes' as counted_as,
        cast(flows.value_original - own_values.own_value as decimal(24, 3)) as value_original
    from flows
    inner join own_values using ({{ flow }}, commodity_code)
    where flows.is_remainder

),

contributions as (

    select * from counted
    union all
    select * from told_by_finer_codes

),

chosen as (

    select distinct
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        year_period
    from {{ ref('int_trade_sources_by_year') }}
    where preference = 1

),

reported as (

    select distinct
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        year_period,
        frequency
    from {{ ref('int_trade_sources_by_year') }}
    where report_preference = 1

),

trade_rows as (

    select
        contributions.source_dataset,
        contributions.load_id,
        contributions.row_number,
        contributions.counted_as,
        contributions.commodity_code as part,
        contributions.reporter_code,
        contributions.partner_code,
        coalesce(sectors.sector_id, 'unallocated') as sector_id,
        contributions.period,
        contributions.year_period,
        contributions.frequency,
        contributions.flow_code,
        contributions.value_original * coalesce(sectors.weight, 1) as value_original,
        contributions.currency_code,
        case
            when contributions.currency_code = 'USD' then cast(1 as decimal(18, 12))
            else rates.usd_per_unit
        end as usd_per_unit,
        contributions.valuation_code,
        contributions.is_total,
        chosen.source_dataset is not null as is_chosen,
        reported.source_dataset is not null as is_reported
    from contributions
    left join {{ ref('int_sectors_by_trade_code') }} as sectors
        on
            contributions.commodity_code = sectors.source_code
            and contributions.code_year = sectors.code_year
            and contributions.code_scheme = sectors.scheme
    left join {{ ref('int_rates_by_period') }} as rates
        on
            contributions.currency_code = rates.currency_code
            and contributions.period = rates.period
            and contributions.frequency = rates.frequency
    left join chosen
        on
            contributions.source_dataset = chosen.source_dataset
            and contributions.reporter_code = chosen.reporter_code
            and contributions.partner_code = chosen.partner_code
            and contributions.flow_code = chosen.flow_code
            and contributions.year_period = chosen.year_period
    left join reported
        on
            contributions.source_dataset = reported.source_dataset
            and contributions.reporter_code = reported.reporter_code
            and contributions.partner_code = reported.partner_code
            and contributions.flow_code = reported.flow_code
            and contributions.year_period = reported.year_period
            and contributions.frequency = reported.frequency

)

select * from trade_rows
