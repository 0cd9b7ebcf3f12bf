-- Presence: a mart may be empty only where the staging it comes from is. Every other test passes on
-- an empty table; this one does not.
with

counted as (

    select
        'mart_sector_trade' as mart_name,
        -- only rows between two countries: a file of world totals alone fills no mart
        (
            select count(*)
            from {{ ref('int_trade_rows_by_source') }}
            where {{ touched_exactly('period') }}
        ) as staged_rows,
        (select count(*) from {{ ref('mart_sector_trade') }}) as mart_rows

    union all

    select
        'mart_trade_mirror' as mart_name,
        (
            select count(*)
            from {{ ref('int_trade_rows_by_source') }}
            where source_dataset <> 'customs_baci_flows' and {{ touched_exactly('period') }}
        ) as staged_rows,
        (select count(*) from {{ ref('mart_trade_mirror') }}) as mart_rows

    union all

    select
        'mart_sector_procurement' as mart_name,
        (
            select count(*)
            from {{ ref('stg_eis__bids') }}
            where
                exists (select 1 from {{ ref('stg_eis__lots') }})
                and exists (select 1 from {{ ref('stg_eis__purchases') }})
        ) as staged_rows,
        (select count(*) from {{ ref('mart_sector_procurement') }}) as mart_rows

    union all

    select
        'mart_sector_loans' as mart_name,
        (select count(*) from {{ ref('int_loans_by_instrument') }})
        + (select count(*) from {{ ref('stg_worldbank__statements') }})
        + (select count(*) from {{ ref('int_register_by_line') }}) as staged_rows,
        (select count(*) from {{ ref('mart_sector_loans') }}) as mart_rows

    union all

    select
        'mart_sector_cooperation' as mart_name,
        (
            select count(*)
            from {{ ref('int_directions_by_pair') }} as directions
            inner join {{ ref('mart_sector_loans') }} as loans
                on
                    directions.from_country_code = loans.lender_code
                    and directions.to_country_code = loans.borrower_code
        )
        + (
            select count(*)
            from {{ ref('int_directions_by_pair') }} as directions
            inner join {{ ref('mart_sector_trade') }} as trade
                on
                    directions.from_country_code = trade.reporter_code
                    and directions.to_country_code = trade.partner_code
        ) as staged_rows,
        (select count(*) from {{ ref('mart_sector_cooperation') }}) as mart_rows

)

select *
from counted
where staged_rows > 0 and mart_rows = 0
