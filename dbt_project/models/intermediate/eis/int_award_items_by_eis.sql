with

awards as (

    select * from {{ ref('int_awards_by_eis') }}

),

contracts as (

    select * from {{ ref('stg_eis__contracts') }}

),

unnested as (

    select
        awards.award_id,
        awards.is_unit_rate,
        unnest(contracts.items) as item,
        generate_subscripts(contracts.items, 1) as item_position
    from awards
    inner join contracts
        on
            awards.document_kind = contracts.document_kind
            and awards.document_id = contracts.document_id
            and awards.document_version = contracts.document_version

),

coded as (

    select
        *,
        coalesce(item['okpd2_code'], regexp_extract(item['ktru_code'], '^[0-9.]+')) as okpd2_code
    from unnested

),

items as (

    select
        'EIS' as source_system,
        award_id,
        cast(item_position as integer) as item_position,
        item['item_name'] as item_name,
        case
            when nullif(okpd2_code, '') is not null then 'OKPD2'
            when item['okpd_code'] is not null then 'OKPD'
            when item['okdp_code'] is not null then 'OKDP'
        end as scheme,
        coalesce(nullif(okpd2_code, ''), item['okpd_code'], item['okdp_code']) as code,
        item['quantity'] as quantity,
        item['unit_code'] as unit_code,
        item['unit_price'] as unit_price,
        item['amount'] as amount,
        is_unit_rate or coalesce(item['is_quantity_undefined'], false) as is_unit_rate,
        item['origin_country_oksm_code'] as origin_country_oksm_code
    from coded

)

select * from items
