with

lots as (

    select * from {{ ref('int_lots_by_eis') }}

),

unnested as (

    select
        tender_id,
        lot_position,
        is_quantity_undefined,
        unnest(items) as item,
        generate_subscripts(items, 1) as item_position
    from lots

),

-- the newest classification that a document uses; a code of the catalogue begins with one of OKPD2
coded as (

    select
        *,
        coalesce(item['okpd2_code'], regexp_extract(item['ktru_code'], '^[0-9.]+')) as okpd2_code
    from unnested

),

items as (

    select
        'EIS' as source_system,
        tender_id,
        lot_position,
        cast(item_position as integer) as item_position,
        item['item_name'] as item_name,
        case
            when nullif(okpd2_code, '') is not null then 'OKPD2'
            when item['okpd_code'] is not null then 'OKPD'
            when item['okdp_code'] is not null then 'OKDP'
        end as scheme,
        coalesce(nullif(okpd2_code, ''), item['okpd_code'], item['okdp_code']) as code,
        item['okved_code'] as okved_code,
        item['quantity'] as quantity,
        item['unit_code'] as unit_code,
        item['unit_price'] as unit_price,
        item['amount'] as amount,
        is_quantity_undefined or coalesce(item['is_quantity_undefined'], false) as is_unit_rate
    from coded

)

select * from items
