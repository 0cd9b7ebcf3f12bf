-- Two sources of the same reporter, partner, flow and year would count the same goods twice.
select
    reporter_code,
    partner_code,
    flow_code,
    left(period, 4) as year_period,
    count(distinct source_dataset) as source_count
from {{ ref('mart_sector_trade') }}
where {{ touched('period') }}
group by reporter_code, partner_code, flow_code, left(period, 4)
having count(distinct source_dataset) > 1
