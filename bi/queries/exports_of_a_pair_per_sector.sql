-- What do Belarus and Russia sell each other, per sector and year, what do the figures rest on, and how
-- many rows may be missing because they were refused?
select
    direction,
    sector_name,
    period,
    exports_usd,
    exports_coverage,
    refused_row_count
from marts.view_cooperation
where pair_id = 'BLR-RUS' and exports_usd is not null
order by direction, sector_name, period;
