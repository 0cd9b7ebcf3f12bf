{{ config(materialized='view') }}

with

comtrade as (

    select
        'customs_comtrade_flows' as source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        code_year,
        commodity_code,
        value_usd as value_original,
        'USD' as currency_code,
        valuation_code,
        net_weight_kg,
        is_added_up
    from {{ ref('int_comtrade_flows_by_vintage') }}

),

-- regions and supplementary units of one product
fcs as (

    select
        'customs_fcs_flows' as source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        cast(left(period, 4) as integer) as code_year,
        commodity_code,
        sum(value_usd) as value_original,
        'USD' as currency_code,
        case flow_code when 'X' then 'FOB' else 'CIF' end as valuation_code,
        case when count(net_weight_kg) = count(*) then sum(net_weight_kg) end as net_weight_kg,
        count(*) > 1 as is_added_up
    from {{ ref('stg_fcs__flows') }}
    group by
        reporter_code, partner_code, flow_code, frequency, period, classification_code, commodity_code

),

comext_procedures as (

    {{ counted_comext(ref('stg_comext__flows')) }}

),

comext as (

    select
        'customs_comext_flows' as source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        cast(left(period, 4) as integer) as code_year,
        commodity_code,
        sum(value_eur) as value_original,
        'EUR' as currency_code,
        case flow_code when 'X' then 'FOB' else 'CIF' end as valuation_code,
        case when count(net_weight_kg) = count(*) then sum(net_weight_kg) end as net_weight_kg,
        count(*) > 1 as is_added_up
    from comext_procedures
    group by
        reporter_code, partner_code, flow_code, frequency, period, classification_code, commodity_code

),

eurostat as (

    select
        'customs_eurostat_flows' as source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        cast(left(period, 4) as integer) as code_year,
        commodity_code,
        value_eur as value_original,
        'EUR' as currency_code,
        case flow_code when 'X' then 'FOB' else 'CIF' end as valuation_code,
        cast(null as decimal(18, 3)) as net_weight_kg,
        false as is_added_up
    from {{ ref('stg_eurostat__flows') }}

),

-- one reconciled figure for both partners: it stands as the exporter's, of the newest vintage
baci as (

    select
        'customs_baci_flows' as source_dataset,
        flows.exporter_code as reporter_code,
        flows.importer_code as partner_code,
        'X' as flow_code,
        flows.frequency,
        flows.period,
        flows.classification_code,
        cast(classifications.vintage_year as integer) as code_year,
        flows.commodity_code,
        flows.value_usd as value_original,
        'USD' as currency_code,
        flows.valuation_code,
        flows.net_weight_kg,
        false as is_added_up
    from {{ ref('stg_baci__flows') }} as flows
    inner join {{ ref('classifications') }} as classifications
        on flows.classification_code = classifications.classification_code
    qualify
        dense_rank() over (
            partition by flows.exporter_code, flows.importer_code, flows.frequency, flows.period
            order by classifications.vintage_year desc
        ) = 1

),

-- imports may stand with both valuations
imf_valuations as (

    select *
    from {{ ref('stg_imf__totals') }}
    qualify
        row_number() over (
            partition by reporter_code, partner_code, flow_code, frequency, period
            order by valuation_code = case flow_code when 'X' then 'FOB' else 'CIF' end desc
        ) = 1

),

imf as (

    select
        'customs_imf_totals' as source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        cast(null as varchar) as classification_code,
        cast(left(period, 4) as integer) as code_year,
        'TOTAL' as commodity_code,
        value_usd as value_original,
        'USD' as currency_code,
        valuation_code,
        cast(null as decimal(18, 3)) as net_weight_kg,
        false as is_added_up
    from imf_valuations

),

all_rows as (

    select * from comtrade
    union all
    select * from fcs
    union all
    select * from comext
    union all
    select * from eurostat
    union all
    select * from baci
    union all
    select * from imf

),

-- the world and areas are sums of countries, and goods that come back are no trade between two
between_two_countries as (

    select all_rows.*
    from all_rows
    left join {{ ref('dim_countries') }} as reporters on all_rows.reporter_code = reporters.country_code
    left join {{ ref('dim_countries') }} as partners on all_rows.partner_code = partners.country_code
    where
        coalesce(reporters.country_kind, 'unknown') <> 'aggregate'
        and coalesce(partners.country_kind, 'unknown') <> 'aggregate'
        and all_rows.reporter_code <> all_rows.partner_code

),

typed as (

    select
        source_dataset,
        reporter_code,
        partner_code,
        flow_code,
        frequency,
        period,
        classification_code,
        code_year,
        case when commodity_code = 'TOTAL' then '' else commodity_code end as code,
        cast(value_original as decimal(24, 3)) as value_original,
        currency_code,
        valuation_code,
        cast(net_weight_kg as decimal(24, 3)) as net_weight_kg,
        is_added_up
    from between_two_countries

)

select * from typed
