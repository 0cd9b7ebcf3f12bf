with

loans as (

    select
        lender_code,
        borrower_code,
        'unallocated' as sector_id,
        period,
        frequency,
        cast(null as decimal(20, 2)) as committed_usd,
        cast(null as decimal(20, 2)) as disbursed_usd,
        repaid_usd,
        repaid_bilateral_usd,
        repaid_commercial_usd,
        interest_usd,
        interest_bilateral_usd,
        interest_commercial_usd,
        cast(null as decimal(20, 2)) as outstanding_usd,
        cast(null as decimal(9, 6)) as utilisation,
        cast(null as decimal(9, 6)) as pace,
        is_projection,
        edition_year,
        cast(0 as decimal(9, 6)) as crosswalk_mass,
        'loans_ids_flows' as source_dataset
    from {{ ref('int_loans_by_instrument') }}

)

select * from loans
