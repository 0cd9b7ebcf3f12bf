-- World, multiple lenders and their like are sums of countries and never stand among them.
with

codes as (

    select reporter_code as country_code
    from {{ ref('mart_sector_trade') }}
    union
    select partner_code as country_code
    from {{ ref('mart_sector_trade') }}
    union
    select exporter_code as country_code
    from {{ ref('mart_trade_mirror') }}
    union
    select importer_code as country_code
    from {{ ref('mart_trade_mirror') }}
    union
    select buyer_country_code as country_code
    from {{ ref('mart_sector_procurement') }}
    union
    select supplier_country_code as country_code
    from {{ ref('mart_sector_procurement') }}
    union
    select lender_code as country_code
    from {{ ref('mart_sector_loans') }}
    union
    select borrower_code as country_code
    from {{ ref('mart_sector_loans') }}

)

select codes.country_code
from codes
inner join {{ ref('dim_countries') }} as countries on codes.country_code = countries.country_code
where countries.country_kind = 'aggregate'
