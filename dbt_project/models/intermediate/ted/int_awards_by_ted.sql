with

bids as (

    select * from {{ ref('int_bids_by_ted') }}
    where is_winner

),

tenders as (

    select * from {{ ref('int_tenders_by_ted') }}

),

awards as (

    select
        bids.source_system,
        bids.notice_id || '/' || bids.bid_id as award_id,
        bids.tender_id,
        bids.lot_id,
        bids.award_date,
        bids.amount,
        bids.currency_code,
        bids.notice_type_code,
        tenders.buyer_identifier,
        tenders.buyer_name,
        tenders.buyer_country_code
    from bids
    left join tenders on bids.tender_id = tenders.tender_id

)

select * from awards
