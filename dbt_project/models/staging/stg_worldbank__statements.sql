with

source as (

    select * from {{ source('accepted', 'loans_worldbank_statements') }}

),

renamed as (

    select
        _load_id,
        _row,
        as_of_date,
        loan_id,
        lender_code,
        borrower_code,
        borrower_name,
        guarantor_code,
        loan_type_code,
        status_name,
        interest_rate_percent,
        currency_code,
        project_id,
        project_name,
        original_usd,
        cancelled_usd,
        undisbursed_usd,
        disbursed_usd,
        repaid_usd,
        due_usd,
        exchange_adjustment_usd,
        obligation_usd,
        sold_usd,
        repaid_third_party_usd,
        due_third_party_usd,
        held_usd,
        first_repayment_date,
        last_repayment_date,
        signing_date,
        approval_date,
        effective_date,
        closed_date,
        last_disbursement_date
    from source

)

select * from renamed
