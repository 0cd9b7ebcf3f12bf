-- what customs took in, as it is declared: made-up rows stand apart from real ones
with

items as (

    select *
    from {{ ref('stg_declarations__items') }}
    where status <> 'cancelled'

),

codes as (

    select distinct
        'HS' as scheme,
        commodity_code as source_code,
        cast(extract('year' from registered_date) as integer) as code_year
    from items

),

{{ sectors_by_prefix('codes') }},

valued as (

    select
        items.*,
        coalesce(sectors.sector_id, 'other') as sector_id,
        items.value_usd * coalesce(sectors.weight, 1) as part_usd,
        coalesce(sectors.is_unambiguous, false) as is_unambiguous
    from items
    left join sectors_by_prefix as sectors
        on
            items.commodity_code = sectors.source_code
            and extract('year' from items.registered_date) = sectors.code_year

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
    from valued
    group by reporter_code, partner_code, flow_code, sector_id, registered_date, is_synthetic

)

select * from declared_trade
