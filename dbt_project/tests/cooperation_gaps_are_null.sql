-- Where coverage says no data the figure is null, and where a figure stands coverage says from what.
select
    pair_id,
    sector_id,
    period
from {{ ref('mart_sector_cooperation') }}
where
    (exports_first_to_second_coverage = 'no data') <> (exports_first_to_second_month_count is null)
    or (exports_second_to_first_coverage = 'no data') <> (exports_second_to_first_month_count is null)
    or (awards_first_at_second_coverage = 'no data' and awards_first_at_second_count is not null)
    or (awards_second_at_first_coverage = 'no data' and awards_second_at_first_count is not null)
    or (
        loans_first_to_second_coverage = 'no data'
        and coalesce(loans_first_to_second_repaid_usd, loans_first_to_second_interest_usd) is not null
    )
    or (
        loans_second_to_first_coverage = 'no data'
        and coalesce(loans_second_to_first_repaid_usd, loans_second_to_first_interest_usd) is not null
    )
