-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
with

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
        contract_number,
        unnest(contract.transactions) as payment,
        generate_subscripts(contract.transactions, 1) as transaction_number
    from contracts

),

transactions_by_contract as (

    select
        ocid,
        cast(contract_number as integer) as contract_number,
        cast(transaction_number as integer) as transaction_number,
        payment.transaction_id,
        payment.paid_at,
        coalesce(payment.value_amount, payment.old_value_amount) as transaction_value_amount,
        {{ currency_code('coalesce(payment.value_currency, payment.old_value_currency)') }}
            as transaction_value_currency,
        payment.payer_id,
        payment.payer_name,
        payment.payee_id,
        payment.payee_name
    from unnested

)

select * from transactions_by_contract
