-- What do Belarus and Russia sell each other, per sector and year, and what do the figures rest on?
select
    direction,
    sector_name,
    period,
    exports_usd,
    exports_coverage
from marts.view_cooperation
where pair_id = 'BLR-RUS' and exports_usd is not null
order by direction, sector_name, period;
