with

tenders as (

    select * from {{ ref('int_tenders_by_ted') }}

),

notices as (

    select * from {{ ref('stg_ted__notices') }}

),

unnested as (

    select
        tenders.tender_id,
        unnest(notices.lots) as lot
    from tenders
    inner join notices
        on
            tenders.document_id = notices.notice_id
            and tenders.document_version = notices.notice_version

),

lots as (

    select
        'TED' as source_system,
        tender_id,
        lot['lot_id'] as lot_id,
        lot['lot_name'] as lot_name,
        lot['nature_code'] as nature_code,
        'CPV' as scheme,
        lot['cpv_code'] as code,
        lot['additional_cpv_codes'] as additional_cpv_codes,
        lot['estimated_amount'] as ceiling_amount,
        lot['estimated_currency_code'] as currency_code
    from unnested
    where lot['lot_kind'] is null or lot['lot_kind'] <> 'LotsGroup'
    qualify row_number() over (partition by tender_id, lot['lot_id'] order by lot['lot_name'] nulls last) = 1

)

select * from lots
