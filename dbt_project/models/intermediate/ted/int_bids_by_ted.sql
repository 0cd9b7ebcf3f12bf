with

notices as (

    select
        *,
        coalesce(procedure_id, notice_id) as tender_id
    from {{ ref('stg_ted__notices') }}

),

-- what a notice says of results stands until another takes its place; a modification of a contract
-- awards nothing, and a notice of an intention gives way to the notice of the award
deciding as (

    select *
    from notices
    where
        len(tenders) > 0
        and coalesce(notice_type_code, '') <> 'can-modif'
        and notice_id || '-' || notice_version not in (
            select changed.changed_notice_id
            from notices as changed
            where changed.changed_notice_id is not null
        )
    qualify row_number() over (partition by notice_id order by notice_version desc) = 1

),

decided as (

    select *
    from deciding
    qualify
        coalesce(notice_type_code, '') <> 'veat'
        or bool_and(coalesce(notice_type_code, '') = 'veat') over (partition by tender_id)

),

offers as (

    select
        decided.tender_id,
        decided.notice_id,
        unnest(decided.tenders) as tender
    from decided

),

concluded as (

    select
        notice_id,
        unnest(contract['tender_ids']) as offer_id,
        contract['contract_id'] as contract_id,
        coalesce(contract['award_date'], contract['signed_date']) as award_date
    from (
        select
            notice_id,
            unnest(contracts) as contract
        from decided
    ) as listed

),

contracts as (

    select
        notice_id,
        offer_id,
        min(contract_id) as contract_id,
        min(award_date) as award_date
    from concluded
    group by notice_id, offer_id

),

-- a result without a contract names its winner only where it is about one tender
chosen as (

    select
        notice_id,
        min(result['tender_ids'][1]) as offer_id
    from (
        select
            notice_id,
            unnest(lot_results) as result
        from decided
    ) as listed
    where
        result['result_code'] = 'selec-w'
        and len(result['tender_ids']) = 1
        and coalesce(len(result['contract_ids']), 0) = 0
    group by notice_id, result['result_id']

),

bids as (

    select
        'TED' as source_system,
        offers.tender_id,
        offers.notice_id,
        offers.tender['tender_id'] as bid_id,
        offers.tender['lot_id'] as lot_id,
        offers.tender['tendering_party_id'] as tendering_party_id,
        offers.tender['amount'] as amount,
        offers.tender['currency_code'] as currency_code,
        contracts.contract_id,
        coalesce(contracts.award_date, decided.issue_date) as award_date,
        contracts.offer_id is not null or chosen.offer_id is not null as is_winner,
        decided.notice_type_code
    from offers
    inner join decided on offers.notice_id = decided.notice_id
    left join contracts
        on offers.notice_id = contracts.notice_id and offers.tender['tender_id'] = contracts.offer_id
    left join chosen
        on offers.notice_id = chosen.notice_id and offers.tender['tender_id'] = chosen.offer_id
    qualify
        row_number() over (
            partition by offers.notice_id, offers.tender['tender_id']
            order by offers.tender['lot_id'] nulls last
        ) = 1

)

select * from bids
