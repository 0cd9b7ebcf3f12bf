with

flows as (

    select
        *,
        left(period, 4) as year_period,
        product_rows > 0 as has_products
    from {{ ref('int_trade_by_sector') }}

),

-- one reporter's record of one flow in one year comes at one level and one frequency only:
-- products before totals, a published year before the sum of its months
preferred as (

    select
        reporter_code,
        partner_code,
        flow_code,
        year_period,
        has_products,
        frequency,
        row_number() over (
            partition by reporter_code, partner_code, flow_code, year_period
            order by has_products desc, frequency asc
        ) as preference
    from flows
    group by reporter_code, partner_code, flow_code, year_period, has_products, frequency

),

trade_by_year as (

    select
        flows.reporter_code,
        flows.partner_code,
        flows.sector_id,
        flows.year_period as period,
        'A' as frequency,
        flows.flow_code,
        cast(
            case when count(flows.value_usd) = count(*) then sum(flows.value_usd) end as decimal(18, 2)
        ) as value_usd,
        cast(sum(flows.value_original) as decimal(18, 2)) as value_original,
        cast(sum(flows.unambiguous_value) as decimal(18, 2)) as unambiguous_value,
        min(flows.valuation_code) as valuation_code,
        cast(
            case when min(flows.frequency) = 'A' then 12 else count(distinct flows.period) end as integer
        ) as month_count
    from flows
    inner join preferred
        on
            flows.reporter_code = preferred.reporter_code
            and flows.partner_code = preferred.partner_code
            and flows.flow_code = preferred.flow_code
            and flows.year_period = preferred.year_period
            and flows.has_products = preferred.has_products
            and flows.frequency = preferred.frequency
            and preferred.preference = 1
    group by
        flows.reporter_code, flows.partner_code, flows.sector_id, flows.year_period, flows.flow_code

)

select * from trade_by_year
