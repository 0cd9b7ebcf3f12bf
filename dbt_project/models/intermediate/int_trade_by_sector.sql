with

countries as (

    select * from {{ ref('dim_countries') }}

),

product_flows as (

    select
        flows.reporter_code,
        flows.partner_code,
        flows.period,
        flows.frequency,
        flows.flow_code,
        cast(flows.value_eur as decimal(24, 2)) * coalesce(sectors.weight, 1) as value_original,
        coalesce(sectors.sector_id, 'unallocated') as sector_id,
        coalesce(sectors.is_unambiguous, false) as is_unambiguous
    from {{ ref('stg_eurostat__flows') }} as flows
    left join {{ ref('int_sectors_by_prefix') }} as sectors
        on
            flows.commodity_code = sectors.source_code
            and cast(left(flows.period, 4) as integer) = sectors.code_year
            and sectors.scheme = 'HS'

),

parts as (

    select
        reporter_code,
        partner_code,
        sector_id,
        period,
        frequency,
        flow_code,
        cast(sum(value_original) as decimal(18, 2)) as value_original,
        cast(
            sum(case when is_unambiguous then value_original else 0 end) as decimal(18, 2)
        ) as unambiguous_value,
        'EUR' as currency_code,
        case flow_code when 'X' then 'FOB' else 'CIF' end as valuation_code,
        cast(count(*) as integer) as product_rows,
        'customs_eurostat_flows' as source_dataset
    from product_flows
    group by reporter_code, partner_code, sector_id, period, frequency, flow_code

),

-- a total stands only where no part of it does
totals as (

    select
        totals.reporter_code,
        totals.partner_code,
        'unallocated' as sector_id,
        totals.period,
        totals.frequency,
        totals.flow_code,
        totals.value_usd as value_original,
        cast(0 as decimal(18, 2)) as unambiguous_value,
        'USD' as currency_code,
        totals.valuation_code,
        cast(0 as integer) as product_rows,
        'customs_imf_totals' as source_dataset
    from {{ ref('stg_imf__totals') }} as totals
    where
        not exists (
            select 1
            from parts
            where
                parts.reporter_code = totals.reporter_code
                and parts.partner_code = totals.partner_code
                and parts.period = totals.period
                and parts.frequency = totals.frequency
                and parts.flow_code = totals.flow_code
        )

),

flows as (

    select * from parts
    union all
    select * from totals

),

between_countries as (

    select flows.*
    from flows
    left join countries as reporters on flows.reporter_code = reporters.country_code
    left join countries as partners on flows.partner_code = partners.country_code
    where
        coalesce(reporters.country_kind, 'unknown') <> 'aggregate'
        and coalesce(partners.country_kind, 'unknown') <> 'aggregate'

),

converted as (

    select
        flows.reporter_code,
        flows.partner_code,
        flows.sector_id,
        flows.period,
        flows.frequency,
        flows.flow_code,
        cast(
            case
                when flows.currency_code = 'USD' then flows.value_original
                else cast(flows.value_original as decimal(24, 2)) * rates.usd_per_unit
            end as decimal(18, 2)
        ) as value_usd,
        flows.value_original,
        flows.unambiguous_value,
        flows.currency_code,
        rates.rate_source,
        rates.rate_date,
        flows.valuation_code,
        flows.product_rows,
        flows.source_dataset
    from between_countries as flows
    left join {{ ref('int_rates_by_period') }} as rates
        on
            flows.currency_code = rates.currency_code
            and flows.period = rates.period
            and flows.frequency = rates.frequency

)

select * from converted
