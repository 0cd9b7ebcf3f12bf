-- A total without products (product_rows 0) beside products of the same reporter, partner, period,
-- frequency and flow would count the same goods twice.
select
    totals.reporter_code,
    totals.partner_code,
    totals.period,
    totals.frequency,
    totals.flow_code
from {{ ref('mart_sector_trade') }} as totals
inner join {{ ref('mart_sector_trade') }} as parts
    on
        totals.reporter_code = parts.reporter_code
        and totals.partner_code = parts.partner_code
        and totals.period = parts.period
        and totals.frequency = parts.frequency
        and totals.flow_code = parts.flow_code
        and parts.product_rows > 0
where totals.product_rows = 0 and {{ touched('totals.period') }}
