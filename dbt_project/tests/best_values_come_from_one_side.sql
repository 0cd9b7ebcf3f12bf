-- Best values of a pair and year add up over sectors: they all come from the record of one side.
select
    exporter_code,
    importer_code,
    period
from {{ ref('mart_trade_mirror') }}
where {{ touched('period') }}
group by exporter_code, importer_code, period
having
    count(distinct best_value_side) <> 1
    or count(*) filter (
        where
        best_value_usd is not null
        and (
            (best_value_side = 'exporter' and exporter_value_usd is null)
            or (best_value_side = 'importer' and importer_value_usd is null)
        )
    ) > 0
