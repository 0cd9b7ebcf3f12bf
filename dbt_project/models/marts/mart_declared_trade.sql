-- what customs took in, as it is declared: made-up rows stand apart from real ones
with

items as (

    select *
    from {{ ref('stg_declarations__items') }}
    where status <> 'cancelled'

),

codes as (

    select distinct
        commodity_code,
        cast(extract('year' from registered_date) as integer) as code_year
    from items

),

crosswalk as (

    select
        code_prefix,
        sector_id,
        cast(weight as decimal(9, 8)) as weight,
        cast(left(coalesce(nullif(valid_from, ''), '0001'), 4) as integer) as first_year,
        cast(left(coalesce(nullif(valid_to, ''), '9999'), 4) as integer) as last_year
    from {{ ref('sector_crosswalk') }}
    where scheme = 'HS'

),

-- the longest prefix counts; its weights add up to one
sectors as (

    select
        codes.commodity_code,
        codes.code_year,
        crosswalk.sector_id,
        crosswalk.weight
    from codes
    inner join crosswalk
        on
            codes.code_year between crosswalk.first_year and crosswalk.last_year
            and {{ code_starts_with('codes.commodity_code', 'crosswalk.code_prefix') }}
    qualify
        length(crosswalk.code_prefix)
        = max(length(crosswalk.code_prefix)) over (
            partition by codes.commodity_code, codes.code_year
        )

),

declared_trade as (

    select
        items.reporter_code,
        items.partner_code,
        items.flow_code,
        coalesce(sectors.sector_id, 'other') as sector_id,
        items.registered_date,
        items.is_synthetic,
        count(distinct items.declaration_id) as declaration_count,
        count(*) as item_count,
        cast(sum(items.value_usd * coalesce(sectors.weight, 1)) as decimal(18, 2)) as value_usd,
        max(items.registered_at) as newest_registered_at
    from items
    left join sectors
        on
            items.commodity_code = sectors.commodity_code
            and extract('year' from items.registered_date) = sectors.code_year
    group by all

)

select * from declared_trade
