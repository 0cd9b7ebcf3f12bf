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
    where flows.flow_code in ('X', 'M')

),

-- the same flow stands as a total and, where a query asked for it, broken down in up to three ways:
-- the row of totals wins; without one, that breakdown which cuts the flow the fewest ways
least_broken_down as (

    select *
    from flows
    qualify
        rank() over (
            partition by
                reporter_code, partner_code, flow_code, frequency, period, classification_code, commodity_code
            order by
                cast(has_second_partner as integer)
                + cast(has_transport as integer)
                + cast(has_customs_procedure as integer),
                has_customs_procedure,
                has_transport
        ) = 1

),

-- 2000 (water) stands beside 2100 (sea), which is a part of it
main_modes as (

    select *
    from least_broken_down
    qualify
        not has_transport
        or right(transport_code, 3) = '000'
        or not bool_or(right(transport_code, 3) = '000') over (
            partition by
                reporter_code, partner_code, flow_code, frequency, period, classification_code, commodity_code
        )

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

-- the newest vintage is the one that was reported, the older ones are converted from it; a total
-- is the same in every vintage
newest_vintage as (

    select *
    from added_up
    qualify
        dense_rank() over (
            partition by
                reporter_code, partner_code, flow_code, frequency, period,
                commodity_code = 'TOTAL'
            order by code_year desc, classification_code asc
        ) = 1

)

select * from newest_vintage
