-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
with

unnested as (

    select
        ocid,
        unnest(contracts) as contract,
        generate_subscripts(contracts, 1) as contract_number
    from {{ ref('int_ocds_compiled_releases') }}

),

contracts_by_process as (

    select
        ocid,
        cast(contract_number as integer) as contract_number,
        contract.contract_id,
        contract.award_id,
        contract.title as contract_title,
        contract.status as contract_status,
        contract.start_at,
        contract.end_at,
        contract.signed_at,
        contract.value_amount as contract_value_amount,
        {{ currency_code('contract.value_currency') }} as contract_value_currency
    from unnested

)

select * from contracts_by_process
