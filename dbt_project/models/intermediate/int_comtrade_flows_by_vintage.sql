{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_exactly('period')) }}",
    meta={'touched_exactly_by': 'period'}
) }}

with

flows as (

    select
        flows.*,
        coalesce(
            cast(nullif(classifications.vintage_year, '') as integer),
            cast(left(flows.period, 4) as integer)
        ) as code_year,
        flows.second_partner_code <> '0' as has_second_partner,
        flows.transport_code <> '0' as has_transport,
        flows.customs_code <> 'C00' as has_customs_procedure
    from {{ ref('stg_comtrade__flows') }} as flows
    inner join {{ ref('classifications') }} as classifications
        on
            flows.classification_code = classifications.classification_code
            and classifications.scheme = 'HS'
    where flows.flow_code in ('X', 'M') and {{ touched_exactly('flows.period') }}

),

-- the same flow stands as a total and, where a query asked for it, broken down in up to three ways
main_modes as (

    {{ counted_comtrade('flows') }}

),

added_up as (

    select
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        code_year,
        commodity_code,
        sum(value_usd) as value_usd,
        case when count(net_weight_kg) = count(*) then sum(net_weight_kg) end as net_weight_kg,
        -- importers that value free on board publish no CIF value
        case
            when flow_code = 'X' or (count(cif_value_usd) = 0 and count(fob_value_usd) > 0) then 'FOB'
            else 'CIF'
        end as valuation_code,
        bool_or(has_second_partner or has_transport or has_customs_procedure) as is_added_up
    from main_modes
    group by
        reporter_code, partner_code, flow_code, frequency, period, classification_code, code_year,
        commodity_code

),

-- a total is the same in every vintage, and chosen apart from the products
vintages as (

    select
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        commodity_code = 'TOTAL' as is_total,
        classification_code,
        code_year,
        count(distinct left(commodity_code, 4)) as heading_count
    from added_up
    group by
        reporter_code, partner_code, flow_code, frequency, period, commodity_code = 'TOTAL',
        classification_code, code_year

),

compared as (

    select
        *,
        heading_count < {{ var('whole_source_share') }} * max(heading_count) over (
            partition by reporter_code, partner_code, flow_code, frequency, period, is_total
        ) as is_extract
    from vintages

),

-- the newest vintage is the one that was reported, the older ones are converted from it
newest_vintage as (

    select *
    from compared
    qualify
        row_number() over (
            partition by reporter_code, partner_code, flow_code, frequency, period, is_total
            order by is_extract asc, code_year desc, classification_code asc
        ) = 1

),

flows_by_vintage as (

    select added_up.*
    from added_up
    inner join newest_vintage
        on
            added_up.reporter_code = newest_vintage.reporter_code
            and added_up.partner_code = newest_vintage.partner_code
            and added_up.flow_code = newest_vintage.flow_code
            and added_up.frequency = newest_vintage.frequency
            and added_up.period = newest_vintage.period
            and added_up.classification_code = newest_vintage.classification_code
            and (added_up.commodity_code = 'TOTAL') = newest_vintage.is_total

)

select * from flows_by_vintage
