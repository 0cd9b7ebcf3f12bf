{{ config(tags=['explains_procurement', 'explains_cooperation']) }}

with

parts as (

    select
        'award' as what,
        source_dataset,
        process_id,
        award_key as part_key,
        supplier_number as part_number,
        supplier_id,
        true as is_valid,
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        award_part,
        case when value_original is not null then award_part end as part_with_value,
        case when value_usd is not null then award_part end as part_in_usd,
        value_usd,
        cast(0 as double) as bid_part
    from {{ ref('int_awards_by_party') }}

    union all

    select
        'bid' as what,
        source_dataset,
        process_id,
        bid_key as part_key,
        bidder_number as part_number,
        supplier_id,
        is_valid,
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        0 as award_part,
        null as part_with_value,
        null as part_in_usd,
        null as value_usd,
        bid_part
    from {{ ref('int_bids_by_party') }}

),

-- the key by which a part finds the documents that tell it
keyed as (

    select
        *,
        case source_dataset
            when 'procurement_eis_protocols' then process_id
            when 'procurement_ocds_releases' then process_id
            when 'procurement_ted_notices' then split_part(part_key, '/', 1)
            else part_key
        end as document_key
    from parts

),

documents as (

    select
        'procurement_eis_bids' as source_dataset,
        concat_ws('/', lot_id, supplier_id, bid_at) as document_key,
        _load_id,
        _row
    from {{ source('accepted', 'procurement_eis_bids') }}
    qualify snapshot_date = max(snapshot_date) over ()

    union all

    select
        'procurement_eis_protocols' as source_dataset,
        purchase_number as document_key,
        _load_id,
        _row
    from {{ source('accepted', 'procurement_eis_protocols') }}

    union all

    select
        'procurement_eis_contracts' as source_dataset,
        contract_number as document_key,
        _load_id,
        _row
    from {{ source('accepted', 'procurement_eis_contracts') }}

    union all

    select
        'procurement_ocds_releases' as source_dataset,
        ocid as document_key,
        _load_id,
        _row
    from {{ source('accepted', 'procurement_ocds_releases') }}

    union all

    select
        'procurement_ted_notices' as source_dataset,
        notice_id as document_key,
        _load_id,
        _row
    from {{ source('accepted', 'procurement_ted_notices') }}

    union all

    select
        'procurement_wb_contracts' as source_dataset,
        contract_number as document_key,
        _load_id,
        _row
    from {{ source('accepted', 'procurement_wb_contracts') }}
    qualify as_of_date = max(as_of_date) over ()

),

-- a part that several documents tell is counted with the first
procurement_rows as (

    select
        keyed.*,
        documents._load_id as load_id,
        documents._row as row_number,
        row_number() over (
            partition by
                keyed.what, keyed.source_dataset, keyed.process_id, keyed.part_key, keyed.part_number,
                keyed.sector_id
            order by documents._load_id, documents._row
        ) = 1 as is_first
    from keyed
    left join documents
        on
            keyed.source_dataset = documents.source_dataset
            and keyed.document_key = documents.document_key

)

select * from procurement_rows
