-- Warns about values that could not be converted because the seed has no rate for their period:
-- they stand in the marts without a value in US dollars. Add the rate to seeds/exchange_rates.csv.
{{ config(severity='warn') }}

select
    source_dataset,
    currency_code,
    frequency,
    period,
    count(*) as row_count
from {{ ref('mart_sector_trade') }}
where value_usd is null
group by source_dataset, currency_code, frequency, period
