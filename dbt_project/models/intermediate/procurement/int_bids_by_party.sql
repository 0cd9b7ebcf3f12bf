with

bids as (

    select
        *,
        'supplier' as party_role
    from {{ ref('int_bids_by_source') }}

),

buyers as (

    select
        source_dataset,
        process_id,
        'buyer' as party_role,
        buyer_name as party_name,
        buyer_scheme as identifier_scheme,
        buyer_identifier as identifier,
        buyer_country_text as country_text,
        buyer_country_code as country_code,
        bid_key,
        bidder_number
    from bids

),

keyed as (

    select
        bids.*,
        {{ party_key('bids') }} as supplier_key,
        {{ party_key('buyers') }} as buyer_key
    from bids
    inner join buyers
        on
            bids.source_dataset = buyers.source_dataset
            and bids.bid_key = buyers.bid_key
            and bids.bidder_number = buyers.bidder_number

),

bids_by_party as (

    select
        keyed.source_dataset,
        keyed.process_id,
        keyed.lot_key,
        keyed.bid_key,
        keyed.bidder_number,
        coalesce(suppliers.party_id, 'unknown') as supplier_id,
        coalesce(suppliers.party_country_code, 'unknown') as supplier_country_code,
        coalesce(buyers.party_country_code, 'unknown') as buyer_country_code,
        coalesce(strftime(keyed.bid_date, '%Y-%m'), 'unknown') as period,
        coalesce(sectors.sector_id, 'unallocated') as sector_id,
        coalesce(sectors.sector_share, 1) / keyed.bidder_count as bid_part,
        coalesce(sectors.unambiguous_share, 0) / keyed.bidder_count as unambiguous_part,
        keyed.is_winner,
        keyed.is_valid,
        keyed.method_kind
    from keyed
    left join {{ ref('int_parties_by_identity') }} as suppliers on keyed.supplier_key = suppliers.party_key
    left join {{ ref('int_parties_by_identity') }} as buyers on keyed.buyer_key = buyers.party_key
    left join {{ ref('int_sectors_by_subject') }} as sectors on keyed.subject_id = sectors.subject_id

)

select * from bids_by_party
