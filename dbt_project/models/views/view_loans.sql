with

loans as (

    select
        loans.lender_code,
        lenders.party_name_en as lender_name,
        loans.lender_kind,
        loans.borrower_code,
        borrowers.party_name_en as borrower_name,
        lenders.party_name_en || ' to ' || borrowers.party_name_en as direction,
        loans.sector_id,
        sectors.sector_name_en as sector_name,
        loans.period,
        periods.start_date,
        loans.frequency,
        case when loans.is_projection then 'scheduled' else 'actual' end as payment_kind,
        loans.committed_usd,
        loans.disbursed_usd,
        loans.repaid_usd,
        loans.interest_usd,
        loans.outstanding_usd,
        loans.committed_to_date_usd,
        loans.disbursed_to_date_usd,
        loans.repaid_to_date_usd,
        loans.utilisation,
        loans.pace,
        loans.loan_count,
        loans.refused_row_count,
        loans.source_dataset
    from {{ ref('mart_sector_loans') }} as loans
    left join {{ ref('dim_loan_parties') }} as lenders on loans.lender_code = lenders.party_code
    left join {{ ref('dim_loan_parties') }} as borrowers on loans.borrower_code = borrowers.party_code
    left join {{ ref('dim_sectors') }} as sectors on loans.sector_id = sectors.sector_id
    left join {{ ref('dim_periods') }} as periods on loans.period = periods.period

)

select * from loans
