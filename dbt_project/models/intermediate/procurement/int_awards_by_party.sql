{# Parts of awards: an award that several suppliers or sectors share is split, so that parts add up to one. #}
with

awards as (

    select
        *,
        'supplier' as party_role
    from {{ ref('int_awards_by_source') }}

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
        award_key,
        supplier_number
    from awards

),

keyed as (

    select
        awards.*,
        {{ party_key('awards') }} as supplier_key,
        {{ party_key('buyers') }} as buyer_key
    from awards
    inner join buyers
        on
            awards.source_dataset = buyers.source_dataset
            and awards.award_key = buyers.award_key
            and awards.supplier_number = buyers.supplier_number

),

bidders as (

    select
        source_dataset,
        process_id,
        lot_key,
        count(distinct bid_key) as bidder_count
    from {{ ref('int_bids_by_source') }}
    where is_valid
    group by source_dataset, process_id, lot_key

),

known_subjects as (

    select distinct subject_id
    from {{ ref('int_sectors_by_subject') }}

),

-- an award is about its own items, where it has some, else about those of its tender
told as (

    select
        keyed.*,
        coalesce(own.subject_id, tender.subject_id) as known_subject_id,
        bidders.bidder_count
    from keyed
    left join known_subjects as own on keyed.own_subject_id = own.subject_id
    left join known_subjects as tender on keyed.subject_id = tender.subject_id
    left join bidders
        on
            keyed.source_dataset = bidders.source_dataset
            and keyed.process_id = bidders.process_id
            and keyed.lot_key = bidders.lot_key

),

parts as (

    select
        told.source_dataset,
        told.process_id,
        told.award_key,
        told.supplier_number,
        suppliers.party_id as supplier_id,
        suppliers.party_country_code as supplier_country_code,
        suppliers.country_rule as supplier_country_rule,
        buyers.party_country_code as buyer_country_code,
        strftime(told.award_date, '%Y-%m') as period,
        coalesce(sectors.sector_id, 'unallocated') as sector_id,
        coalesce(sectors.sector_share, 1) / told.supplier_count as award_part,
        coalesce(sectors.unambiguous_share, 0) / told.supplier_count as unambiguous_part,
        told.amount,
        case when told.amount is not null then told.currency_code end as currency_code,
        told.method_kind,
        told.bidder_count
    from told
    left join {{ ref('int_parties_by_identity') }} as suppliers on told.supplier_key = suppliers.party_key
    left join {{ ref('int_parties_by_identity') }} as buyers on told.buyer_key = buyers.party_key
    left join {{ ref('int_sectors_by_subject') }} as sectors on told.known_subject_id = sectors.subject_id

),

awards_by_party as (

    select
        parts.source_dataset,
        parts.process_id,
        parts.award_key,
        parts.supplier_number,
        coalesce(parts.supplier_id, 'unknown') as supplier_id,
        coalesce(parts.supplier_country_code, 'unknown') as supplier_country_code,
        coalesce(parts.supplier_country_rule, 'unknown') as supplier_country_rule,
        coalesce(parts.buyer_country_code, 'unknown') as buyer_country_code,
        coalesce(parts.period, 'unknown') as period,
        parts.sector_id,
        parts.award_part,
        parts.unambiguous_part,
        parts.amount * parts.award_part as value_original,
        parts.currency_code,
        case
            when parts.currency_code = 'USD' then parts.amount * parts.award_part
            else parts.amount * parts.award_part * rates.usd_per_unit
        end as value_usd,
        parts.method_kind,
        parts.bidder_count
    from parts
    left join {{ ref('int_rates_by_period') }} as rates
        on
            parts.currency_code = rates.currency_code
            and parts.period = rates.period
            and rates.frequency = 'M'

)

select * from awards_by_party
