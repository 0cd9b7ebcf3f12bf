with

loans as (

    select
        loans.lender_code,
        parties.party_kind as lender_kind,
        loans.borrower_code,
        loans.sector_id,
        loans.period,
        loans.frequency,
        loans.flows_from_date,
        loans.committed_usd,
        loans.disbursed_usd,
        loans.repaid_usd,
        loans.repaid_bilateral_usd,
        loans.repaid_commercial_usd,
        loans.interest_usd,
        loans.interest_bilateral_usd,
        loans.interest_commercial_usd,
        loans.outstanding_usd,
        loans.committed_to_date_usd,
        loans.cancelled_to_date_usd,
        loans.disbursed_to_date_usd,
        loans.repaid_to_date_usd,
        loans.utilisation,
        loans.pace,
        loans.loan_count,
        loans.is_projection,
        loans.last_actual_year,
        loans.crosswalk_mass,
        coalesce(refused.refused_row_count, 0) as refused_row_count,
        loans.source_dataset
    from {{ ref('int_loans_by_sector') }} as loans
    inner join {{ ref('dim_loan_parties') }} as parties on loans.lender_code = parties.party_code
    left join {{ ref('int_refused_rows_by_slice') }} as refused
        on
            loans.source_dataset = refused.source_dataset
            and case
                when loans.source_dataset in ('loans_ids_flows', 'loans_register')
                    then
                        refused.told_by = 'pair'
                        and loans.lender_code || '-' || loans.borrower_code = refused.slice_key
                when loans.source_dataset = 'loans_worldbank_statements'
                    then refused.told_by = 'month' and loans.period = refused.slice_key
                else refused.told_by = 'dataset'
            end

)

select * from loans
