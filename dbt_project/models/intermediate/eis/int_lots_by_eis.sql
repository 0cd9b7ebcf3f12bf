with

tenders as (

    select * from {{ ref('int_tenders_by_eis') }}

),

notices as (

    select * from {{ ref('stg_eis__notices') }}

),

unnested as (

    select
        tenders.tender_id,
        unnest(notices.lots) as lot,
        generate_subscripts(notices.lots, 1) as lot_position
    from tenders
    inner join notices
        on
            tenders.document_kind = notices.document_kind
            and tenders.document_id = notices.document_id
            and tenders.document_version = notices.document_version

),

lots as (

    select
        'EIS' as source_system,
        tender_id,
        cast(lot_position as integer) as lot_position,
        lot['lot_id'] as lot_id,
        coalesce(lot['lot_number'], cast(lot_position as varchar)) as lot_number,
        lot['lot_name'] as lot_name,
        lot['max_price'] as ceiling_amount,
        lot['currency_code'] as currency_code,
        coalesce(lot['is_quantity_undefined'], false) as is_quantity_undefined,
        lot['items'] as items
    from unnested

)

select * from lots
