{{ config(materialized='table', tags=['explains_trade', 'explains_cooperation']) }}

{%- set flow = 'source_dataset, reporter_code, partner_code, flow_code, frequency, period' -%}
{%- set year = 'source_dataset, reporter_code, partner_code, flow_code, year_period' -%}
{%- set columns = [
    'reporter_code', 'partner_code', 'flow_code', 'frequency', 'period', 'classification_code', 'commodity_code',
    'valuation_code', 'value_own'
] -%}
{%- set in_usd = {'valuation_code': 'cast(null as varchar)', 'value_own': 'value_usd'} -%}
{%- set in_eur = {'valuation_code': 'cast(null as varchar)', 'value_own': 'value_eur'} -%}
{%- set both_sides = {
    'reporter_code': 'exporter_code', 'partner_code': 'importer_code', 'flow_code': "'X'", 'value_own': 'value_usd'
} -%}
{%- set totals = {
    'classification_code': 'cast(null as varchar)', 'commodity_code': "'TOTAL'", 'value_own': 'value_usd'
} -%}
{#- dataset, its rows, and what is told otherwise there -#}
{%- set sources = [
    ('customs_comtrade_flows', 'comtrade_rows', in_usd),
    ('customs_fcs_flows', ref('stg_fcs__flows'), in_usd),
    ('customs_comext_flows', 'comext_rows', in_eur),
    ('customs_eurostat_flows', ref('stg_eurostat__flows'), in_eur),
    ('customs_baci_flows', ref('stg_baci__flows'), both_sides),
    ('customs_imf_totals', ref('stg_imf__totals'), totals)
] -%}

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

    {% for dataset, relation, told in sources -%}
        select
            {% for column in columns -%}
                {{ told[column] ~ ' as ' ~ column if column in told else column }},
            {% endfor -%}
            '{{ dataset }}' as source_dataset,
            _load_id,
            _row
        from {{ relation }}
        {% if not loop.last -%} union all {%- endif %}
    {% endfor %}
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
    inner join landed_rows using ({{ flow }}, commodity_code)
    where
        flows.classification_code is not distinct from landed_rows.classification_code
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

-- the source that counts in a year, and that and the frequency which stand as a report
marked as (

    select
        {{ year }},
        frequency,
        bool_or(preference = 1) over (partition by {{ year }}) as is_chosen,
        coalesce(report_preference = 1, false) as is_reported
    from {{ ref('int_trade_sources_by_year') }}

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
        coalesce(marked.is_chosen, false) as is_chosen,
        coalesce(marked.is_reported, false) as is_reported
    from contributions
    left join marked using ({{ year }}, frequency)
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

)

select * from trade_rows
