{{ config(tags=['explains_trade']) }}

with

added_up as (

    select
        reporter_code,
        partner_code,
        sector_id,
        period,
        frequency,
        flow_code,
        currency_code,
        max(usd_per_unit) as usd_per_unit,
        cast(sum(value_original) as decimal(18, 2)) as value_original,
        cast(count(distinct part) filter (where not is_total) as integer) as product_rows
    from {{ ref('lineage_mart_sector_trade') }}
    group by reporter_code, partner_code, sector_id, period, frequency, flow_code, currency_code

),

converted as (

    select
        reporter_code,
        partner_code,
        sector_id,
        period,
        frequency,
        flow_code,
        value_original,
        cast(cast(value_original as decimal(24, 2)) * usd_per_unit as decimal(18, 2)) as value_usd,
        product_rows
    from added_up

)

select * from converted
