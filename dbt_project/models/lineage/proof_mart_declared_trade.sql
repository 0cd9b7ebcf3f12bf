{{ config(tags=['explains_declarations']) }}

with

added_up as (

    select
        reporter_code,
        partner_code,
        flow_code,
        sector_id,
        registered_date,
        is_synthetic,
        count(distinct declaration_id) as declaration_count,
        count(*) as item_count,
        cast(sum(value_usd) as decimal(18, 2)) as value_usd
    from {{ ref('lineage_mart_declared_trade') }}
    group by reporter_code, partner_code, flow_code, sector_id, registered_date, is_synthetic

)

select * from added_up
