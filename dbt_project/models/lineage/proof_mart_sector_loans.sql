{{ config(tags=['explains_loans']) }}

with

added_up as (

    select
        loans.lender_code,
        loans.borrower_code,
        loans.sector_id,
        loans.period,
        loans.frequency,
        cast(sum(loans.committed_usd) as decimal(20, 2)) as committed_usd,
        cast(sum(loans.disbursed_usd) as decimal(20, 2)) as disbursed_usd,
        cast(sum(loans.repaid_usd) as decimal(20, 2)) as repaid_usd,
        cast(sum(loans.interest_usd) as decimal(20, 2)) as interest_usd,
        cast(sum(loans.outstanding_usd) as decimal(20, 2)) as outstanding_usd,
        count(distinct loans.loan_id) as loan_count
    from {{ ref('proof_fct_loan_flows') }} as loans
    inner join {{ ref('int_loans_by_sector') }} as counted
        on
            loans.source_dataset = counted.source_dataset
            and loans.lender_code = counted.lender_code
            and loans.borrower_code = counted.borrower_code
            and loans.sector_id = counted.sector_id
            and loans.period = counted.period
            and loans.frequency = counted.frequency
    group by loans.lender_code, loans.borrower_code, loans.sector_id, loans.period, loans.frequency

)

select * from added_up
