{{ config(tags=['explains_loans']) }}

with

loan_rows as (

    select
        told.source_dataset,
        told.load_id,
        told.row_number,
        told.counted_as,
        told.part,
        told.lender_code,
        told.borrower_code,
        told.loan_id,
        told.sector_id,
        told.period,
        told.frequency,
        told.currency_code,
        told.usd_per_unit,
        told.committed_own,
        told.disbursed_own,
        told.repaid_own,
        told.interest_own,
        told.outstanding_own
    from {{ ref('lineage_fct_loan_flows') }} as told
    inner join {{ ref('int_loans_by_sector') }} as counted
        on
            told.source_dataset = counted.source_dataset
            and told.lender_code = counted.lender_code
            and told.borrower_code = counted.borrower_code
            and told.sector_id = counted.sector_id
            and told.period = counted.period
            and told.frequency = counted.frequency

)

select * from loan_rows
