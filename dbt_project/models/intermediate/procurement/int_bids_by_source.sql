{# One row for each bidder of each bid; a winning bid, where its source tells it, is an award too. #}
with

extract as (

    select
        'procurement_eis_bids' as source_dataset,
        coalesce(purchase_number, lot_id) as process_id,
        lot_id as lot_key,
        concat_ws('/', lot_id, supplier_id, bid_at) as bid_key,
        1 as bidder_number,
        1 as bidder_count,
        supplier_name as party_name,
        case
            when is_disclosed and not regexp_matches(supplier_id, '^([0-9]{10}|[0-9]{12})$')
                then case when stated_country_code = 'BLR' then 'BY-UNP' end
            when is_disclosed and coalesce(stated_country_code, 'RUS') = 'RUS' then 'RU-INN'
        end as identifier_scheme,
        case when is_disclosed then supplier_id end as identifier,
        cast(null as varchar) as country_text,
        case when is_disclosed then stated_country_code end as country_code,
        buyer_name,
        case when regexp_matches(buyer_id, '^([0-9]{10}|[0-9]{12})$') then 'RU-INN' end as buyer_scheme,
        buyer_id as buyer_identifier,
        cast(null as varchar) as buyer_country_text,
        buyer_country_code,
        published_date as bid_date,
        cast(value_rub as decimal(28, 4)) as amount,
        'RUB' as currency_code,
        is_winner,
        true as is_valid,
        {{ method_kind('method_name') }} as method_kind,
        'extract/' || lot_id as subject_id
    from {{ ref('int_bids_by_lot') }}
    -- the same purchase in the register's own documents says more
    where
        purchase_number is null
        or purchase_number not in (
            select protocols.tender_id
            from {{ ref('int_bids_by_eis') }} as protocols
            where protocols.tender_id is not null
        )

),

eis_tenders as (

    select * from {{ ref('int_tenders_by_eis') }}

),

eis as (

    select
        'procurement_eis_protocols' as source_dataset,
        bids.tender_id as process_id,
        bids.lot_key,
        concat_ws('/', bids.tender_id, bids.lot_key, bids.bid_number) as bid_key,
        1 as bidder_number,
        1 as bidder_count,
        bids.supplier_name as party_name,
        bids.scheme as identifier_scheme,
        bids.identifier,
        bids.country_text,
        bids.country_code,
        tenders.buyer_name,
        tenders.buyer_scheme,
        tenders.buyer_identifier,
        cast(null as varchar) as buyer_country_text,
        'RUS' as buyer_country_code,
        cast(coalesce(bids.bid_at, tenders.published_at) as date) as bid_date,
        cast(case when not bids.is_unit_rate then bids.amount end as decimal(28, 4)) as amount,
        {{ currency_code('bids.currency_code') }} as currency_code,
        coalesce(bids.is_winner, false) as is_winner,
        coalesce(bids.is_admitted, true) as is_valid,
        {{ method_kind('tenders.method_name') }} as method_kind,
        'eis/' || bids.tender_id as subject_id
    from {{ ref('int_bids_by_eis') }} as bids
    left join eis_tenders as tenders on bids.tender_id = tenders.tender_id

),

ocds as (

    select
        'procurement_ocds_releases' as source_dataset,
        bids.ocid as process_id,
        coalesce(bids.lot_ids[1], '') as lot_key,
        concat_ws('/', bids.ocid, bids.bid_number) as bid_key,
        bids.tenderer_number as bidder_number,
        count(*) over (partition by bids.ocid, bids.bid_number) as bidder_count,
        bids.tenderer_name as party_name,
        bids.scheme as identifier_scheme,
        bids.identifier,
        bids.country_text,
        cast(null as varchar) as country_code,
        tenders.buyer_name,
        tenders.buyer_scheme,
        tenders.buyer_identifier,
        tenders.buyer_country_text,
        cast(null as varchar) as buyer_country_code,
        cast(coalesce(bids.bid_at, tenders.tender_end_at, tenders.published_at) as date) as bid_date,
        cast(bids.bid_value_amount as decimal(28, 4)) as amount,
        bids.bid_value_currency as currency_code,
        false as is_winner,
        coalesce(
            lower(bids.bid_status) not in ('disqualified', 'withdrawn', 'invited', 'pending'), true
        ) as is_valid,
        lower(tenders.tender_method) as method_kind,
        'ocds/' || bids.ocid as subject_id
    from {{ ref('int_ocds_bids_by_process') }} as bids
    inner join {{ ref('int_ocds_tenders_by_process') }} as tenders on bids.ocid = tenders.ocid

),

ted as (

    select
        'procurement_ted_notices' as source_dataset,
        bids.tender_id as process_id,
        coalesce(bids.lot_id, '') as lot_key,
        bids.notice_id || '/' || bids.bid_id as bid_key,
        row_number() over (
            partition by bids.notice_id, bids.bid_id order by suppliers.organisation_id nulls last
        ) as bidder_number,
        count(*) over (partition by bids.notice_id, bids.bid_id) as bidder_count,
        suppliers.supplier_name as party_name,
        suppliers.scheme as identifier_scheme,
        suppliers.identifier,
        suppliers.country_text,
        suppliers.country_code,
        tenders.buyer_name,
        cast(null as varchar) as buyer_scheme,
        tenders.buyer_identifier,
        cast(null as varchar) as buyer_country_text,
        tenders.buyer_country_code,
        bids.award_date as bid_date,
        cast(bids.amount as decimal(28, 4)) as amount,
        {{ currency_code('bids.currency_code') }} as currency_code,
        bids.is_winner,
        true as is_valid,
        case tenders.method_code
            when 'open' then 'open'
            when 'restricted' then 'selective'
            when 'neg-w-call' then 'selective'
            when 'comp-dial' then 'selective'
            when 'innovation' then 'selective'
            when 'neg-wo-call' then 'limited'
        end as method_kind,
        'ted/' || bids.tender_id || '/' || coalesce(bids.lot_id, '') as subject_id
    from {{ ref('int_bids_by_ted') }} as bids
    left join {{ ref('int_suppliers_by_ted') }} as suppliers
        on bids.notice_id || '/' || bids.bid_id = suppliers.bid_key
    left join {{ ref('int_tenders_by_ted') }} as tenders on bids.tender_id = tenders.tender_id

),

bids_by_source as (

    select * from extract
    union all
    select * from eis
    union all
    select * from ocds
    union all
    select * from ted

)

select * from bids_by_source
