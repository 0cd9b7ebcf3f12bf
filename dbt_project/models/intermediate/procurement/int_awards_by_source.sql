{# One row for each supplier of each award; an award whose supplier is not told has one row without. #}
with

-- winners of sources whose bids tell them; a contract of the same purchase says more
won as (

    select
        source_dataset,
        process_id,
        lot_key,
        bid_key as award_key,
        bidder_number as supplier_number,
        bidder_count as supplier_count,
        party_name,
        identifier_scheme,
        identifier,
        country_text,
        country_code,
        buyer_name,
        buyer_scheme,
        buyer_identifier,
        buyer_country_text,
        buyer_country_code,
        bid_date as award_date,
        amount,
        currency_code,
        method_kind,
        subject_id as own_subject_id,
        subject_id
    from {{ ref('int_bids_by_source') }}
    where
        is_winner
        and process_id not in (
            select contracts.tender_id
            from {{ ref('int_awards_by_eis') }} as contracts
            where contracts.tender_id is not null
        )

),

eis as (

    select
        'procurement_eis_contracts' as source_dataset,
        coalesce(awards.tender_id, awards.award_id) as process_id,
        coalesce(awards.lot_number, '') as lot_key,
        awards.award_id as award_key,
        coalesce(suppliers.supplier_position, 1) as supplier_number,
        count(*) over (partition by awards.award_id) as supplier_count,
        suppliers.supplier_name as party_name,
        suppliers.scheme as identifier_scheme,
        suppliers.identifier,
        suppliers.country_text,
        suppliers.country_code,
        awards.buyer_name,
        awards.buyer_scheme,
        awards.buyer_identifier,
        cast(null as varchar) as buyer_country_text,
        awards.buyer_country_code,
        awards.award_date,
        cast(case when not awards.is_unit_rate then awards.amount end as decimal(28, 4)) as amount,
        {{ currency_code('awards.currency_code') }} as currency_code,
        {{ method_kind('awards.method_name') }} as method_kind,
        'eis/award/' || awards.award_id as own_subject_id,
        'eis/' || awards.tender_id as subject_id
    from {{ ref('int_awards_by_eis') }} as awards
    left join {{ ref('int_suppliers_by_eis') }} as suppliers on awards.award_id = suppliers.award_id

),

ocds_contracts as (

    select
        ocid,
        award_id,
        min(signed_at) as signed_at,
        sum(contract_value_amount) as amount,
        min(contract_value_currency) as currency_code,
        count(distinct contract_value_currency) as currency_count
    from {{ ref('int_ocds_contracts_by_process') }}
    where award_id is not null
    group by ocid, award_id

),

ocds as (

    select
        'procurement_ocds_releases' as source_dataset,
        awards.ocid as process_id,
        coalesce(awards.lot_ids[1], '') as lot_key,
        awards.ocid || '/' || awards.award_number as award_key,
        coalesce(suppliers.supplier_number, 1) as supplier_number,
        count(*) over (partition by awards.ocid, awards.award_number) as supplier_count,
        suppliers.supplier_name as party_name,
        suppliers.scheme as identifier_scheme,
        suppliers.identifier,
        suppliers.country_text,
        cast(null as varchar) as country_code,
        tenders.buyer_name,
        tenders.buyer_scheme,
        tenders.buyer_identifier,
        tenders.buyer_country_text,
        cast(null as varchar) as buyer_country_code,
        cast(
            coalesce(
                awards.award_at, contracts.signed_at, tenders.tender_end_at, tenders.published_at
            ) as date
        ) as award_date,
        cast(
            case
                when awards.award_value_amount is not null then awards.award_value_amount
                when contracts.currency_count = 1 then contracts.amount
            end as decimal(28, 4)
        ) as amount,
        case
            when awards.award_value_amount is not null then awards.award_value_currency
            when contracts.currency_count = 1 then contracts.currency_code
        end as currency_code,
        lower(tenders.tender_method) as method_kind,
        'ocds/award/' || awards.ocid || '/' || awards.award_number as own_subject_id,
        'ocds/' || awards.ocid as subject_id
    from {{ ref('int_ocds_awards_by_process') }} as awards
    inner join {{ ref('int_ocds_tenders_by_process') }} as tenders on awards.ocid = tenders.ocid
    left join ocds_contracts as contracts
        on awards.ocid = contracts.ocid and awards.award_id = contracts.award_id
    left join {{ ref('int_ocds_suppliers_by_award') }} as suppliers
        on awards.ocid = suppliers.ocid and awards.award_number = suppliers.award_number
    where awards.is_counted

),

world_bank as (

    select
        'procurement_wb_contracts' as source_dataset,
        coalesce(tender_id, award_id) as process_id,
        '' as lot_key,
        award_id as award_key,
        supplier_position as supplier_number,
        count(*) over (partition by award_id) as supplier_count,
        supplier_name as party_name,
        scheme as identifier_scheme,
        identifier,
        country_text,
        country_code,
        cast(null as varchar) as buyer_name,
        cast(null as varchar) as buyer_scheme,
        cast(null as varchar) as buyer_identifier,
        buyer_country_text,
        buyer_country_code,
        award_date,
        cast(
            coalesce(
                sum(supplier_amount_usd) over (partition by award_id),
                sum(contract_amount_usd) over (partition by award_id)
            ) as decimal(28, 4)
        ) as amount,
        'USD' as currency_code,
        case when method_name ilike '%direct%' then 'direct' when method_name is not null then 'open' end
            as method_kind,
        cast(null as varchar) as own_subject_id,
        cast(null as varchar) as subject_id
    from {{ ref('int_awards_by_wb') }}

),

awards_by_source as (

    select * from won
    union all
    select * from eis
    union all
    select * from ocds
    union all
    select * from world_bank

)

select * from awards_by_source
