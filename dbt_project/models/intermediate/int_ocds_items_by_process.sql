-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
with

-- each part reads the processes by itself: an expression that is read twice would be held in memory
awards as (

    select
        ocid,
        unnest(awards) as award,
        generate_subscripts(awards, 1) as award_number
    from {{ ref('int_ocds_compiled_releases') }}

),

contracts as (

    select
        ocid,
        unnest(contracts) as contract,
        generate_subscripts(contracts, 1) as contract_number
    from {{ ref('int_ocds_compiled_releases') }}

),

unnested as (

    select
        ocid,
        'tender' as item_stage,
        0 as parent_number,
        unnest(tender_items) as entry,
        generate_subscripts(tender_items, 1) as item_number
    from {{ ref('int_ocds_compiled_releases') }}
    union all
    select
        ocid,
        'award' as item_stage,
        award_number as parent_number,
        unnest(award.items) as entry,
        generate_subscripts(award.items, 1) as item_number
    from awards
    union all
    select
        ocid,
        'contract' as item_stage,
        contract_number as parent_number,
        unnest(contract.items) as entry,
        generate_subscripts(contract.items, 1) as item_number
    from contracts

),

items_by_process as (

    select
        ocid,
        item_stage,
        cast(parent_number as integer) as parent_number,
        cast(item_number as integer) as item_number,
        entry.item_id,
        entry.description as item_description,
        entry.classification_scheme,
        entry.classification_code,
        entry.additional_classifications,
        entry.quantity,
        entry.unit_name,
        entry.unit_value_amount,
        {{ currency_code('entry.unit_value_currency') }} as unit_value_currency,
        entry.lot_id
    from unnested

)

select * from items_by_process
