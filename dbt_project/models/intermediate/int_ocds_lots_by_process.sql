-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
with

unnested as (

    select
        ocid,
        unnest(tender_lots) as lot,
        generate_subscripts(tender_lots, 1) as lot_number
    from {{ ref('int_ocds_compiled_releases') }}

),

lots_by_process as (

    select
        ocid,
        cast(lot_number as integer) as lot_number,
        lot.lot_id,
        lot.title as lot_title,
        lot.status as lot_status,
        lot.value_amount as lot_value_amount,
        {{ currency_code('lot.value_currency') }} as lot_value_currency
    from unnested

)

select * from lots_by_process
