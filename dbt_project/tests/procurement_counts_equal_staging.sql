-- Count identity: awards and bids over all sectors and countries are those of staging's latest
-- complete snapshot; none is lost by a join, none counted twice. Fails when staging has bids and
-- the mart none.
with

latest as (

    select max(bids.snapshot_date) as snapshot_date
    from {{ ref('stg_eis__bids') }} as bids
    where
        bids.snapshot_date in (select lots.snapshot_date from {{ ref('stg_eis__lots') }} as lots)
        and bids.snapshot_date in (
            select purchases.snapshot_date from {{ ref('stg_eis__purchases') }} as purchases
        )

),

staged as (

    select
        count(*) as bid_count,
        count(*) filter (where bids.is_winner) as award_count
    from {{ ref('stg_eis__bids') }} as bids
    inner join latest on bids.snapshot_date = latest.snapshot_date

),

mart as (

    select
        coalesce(sum(bid_count), 0) as bid_count,
        coalesce(sum(award_count), 0) as award_count
    from {{ ref('mart_sector_procurement') }}

)

select
    staged.bid_count as staged_bid_count,
    mart.bid_count as mart_bid_count,
    staged.award_count as staged_award_count,
    mart.award_count as mart_award_count
from staged
cross join mart
where staged.bid_count <> mart.bid_count or staged.award_count <> mart.award_count
