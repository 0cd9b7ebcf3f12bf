-- Count identity: awards and bids over all sectors and countries are those of the sources, none is
-- lost by a join or by a share, none counted twice; both marts agree where suppliers are named.
with

sources as (

    select
        (
            select count(distinct source_dataset || award_key)
            from {{ ref('int_awards_by_source') }}
        ) as award_count,
        (select count(distinct source_dataset || bid_key) from {{ ref('int_bids_by_source') }}) as bid_count,
        (
            select count(*)
            from {{ ref('stg_eis__bids') }} as bids
            where
                bids.snapshot_date in (
                    select kept.snapshot_date from {{ ref('int_bids_by_lot') }} as kept
                )
        ) as extract_bid_count,
        (select count(*) from {{ ref('int_bids_by_lot') }}) as kept_bid_count

),

mart as (

    select
        coalesce(sum(award_count), 0) as award_count,
        coalesce(sum(bid_count), 0) as bid_count
    from {{ ref('mart_sector_procurement') }}

),

participation as (

    select coalesce(sum(award_count), 0) as award_count
    from {{ ref('mart_supplier_participation') }}

),

named as (

    select coalesce(sum(award_part), 0) as award_count
    from {{ ref('int_awards_by_party') }}
    where supplier_id <> 'unknown'

)

select
    sources.*,
    mart.award_count as mart_award_count,
    mart.bid_count as mart_bid_count,
    participation.award_count as participation_award_count,
    named.award_count as named_award_count
from sources
cross join mart
cross join participation
cross join named
where
    abs(sources.award_count - mart.award_count) > 0.01
    or abs(sources.bid_count - mart.bid_count) > 0.01
    or sources.extract_bid_count <> sources.kept_bid_count
    or abs(participation.award_count - named.award_count) > 0.01
