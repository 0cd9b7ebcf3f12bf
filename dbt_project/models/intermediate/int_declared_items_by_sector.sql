{{ config(materialized='view') }}

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

items_by_sector as (

    select
        items._load_id,
        items._row,
        items.declaration_id,
        items.item_number,
        items.version_number,
        items.registered_at,
        items.registered_date,
        items.reporter_code,
        items.partner_code,
        items.flow_code,
        items.commodity_code,
        items.is_synthetic,
        coalesce(sectors.sector_id, 'other') as sector_id,
        items.value_usd * coalesce(sectors.weight, 1) as part_usd,
        coalesce(sectors.is_unambiguous, false) as is_unambiguous
    from items
    left join sectors_by_prefix as sectors
        on
            items.commodity_code = sectors.source_code
            and extract('year' from items.registered_date) = sectors.code_year

)

select * from items_by_sector
