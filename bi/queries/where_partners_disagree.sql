-- Where do exporter and importer report the same goods most differently?
select
    direction,
    sector_name,
    period,
    exporter_value_usd,
    importer_value_usd,
    asymmetry,
    confidence
from marts.view_trade_by_year
order by asymmetry desc nulls last, exporter_value_usd desc nulls last
limit 20;
