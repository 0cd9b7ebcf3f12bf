-- what customs took in, as it is declared: made-up rows stand apart from real ones
with

items as (

    select * from {{ ref('int_declared_items_by_sector') }}

),

declared_trade as (

    select
        reporter_code,
        partner_code,
        flow_code,
        sector_id,
        registered_date,
        is_synthetic,
        count(distinct declaration_id) as declaration_count,
        count(*) as item_count,
        cast(sum(part_usd) as decimal(18, 2)) as value_usd,
        cast(
            coalesce(sum(part_usd) filter (where is_unambiguous), 0) / nullif(sum(part_usd), 0)
            as decimal(9, 6)
        ) as crosswalk_mass,
        max(registered_at) as newest_registered_at
    from items
    group by reporter_code, partner_code, flow_code, sector_id, registered_date, is_synthetic

)

select * from declared_trade
