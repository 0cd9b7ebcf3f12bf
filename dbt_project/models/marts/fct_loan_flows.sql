{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_loans()) }}",
    meta={'partition': 'lender, borrower; of statements the month and the one after it; of activities all'}
) }}

with

debt as (

    select
        'loans_ids_flows' as source_dataset,
        instrument_code as loan_id,
        lender_code,
        borrower_code,
        cast(null as varchar) as enterprise_id,
        cast(null as varchar) as enterprise_name,
        'unallocated' as sector_id,
        instrument_code,
        'USD' as currency_code,
        period,
        frequency,
        cast(null as date) as flows_from_date,
        committed_usd,
        disbursed_usd,
        repaid_usd,
        interest_usd,
        outstanding_usd,
        cast(null as decimal(24, 2)) as committed_to_date,
        cast(null as decimal(24, 2)) as cancelled_to_date,
        cast(null as decimal(24, 2)) as disbursed_to_date,
        cast(null as decimal(24, 2)) as repaid_to_date,
        cast(1 as decimal(18, 12)) as usd_per_unit,
        cast(null as decimal(9, 6)) as elapsed_share,
        is_projection,
        last_actual_year,
        cast(0 as decimal(9, 6)) as crosswalk_mass
    from {{ ref('int_loans_by_instrument') }}

),

statements as (

    select
        'loans_worldbank_statements' as source_dataset,
        loan_id,
        lender_code,
        borrower_code,
        cast(null as varchar) as enterprise_id,
        cast(null as varchar) as enterprise_name,
        'unallocated' as sector_id,
        coalesce(loan_type_code, 'credit') as instrument_code,
        'USD' as currency_code,
        strftime(as_of_date, '%Y-%m') as period,
        'M' as frequency,
        cast(previous_date + 1 as date) as flows_from_date,
        cast(newly_committed_usd as decimal(20, 2)) as committed_usd,
        cast(drawn_usd as decimal(20, 2)) as disbursed_usd,
        cast(paid_back_usd as decimal(20, 2)) as repaid_usd,
        cast(null as decimal(20, 2)) as interest_usd,
        due_usd as outstanding_usd,
        original_usd as committed_to_date,
        cancelled_usd as cancelled_to_date,
        disbursed_usd as disbursed_to_date,
        repaid_usd as repaid_to_date,
        cast(1 as decimal(18, 12)) as usd_per_unit,
        {{ elapsed_share('as_of_date', 'available_from_date', 'available_to_date') }} as elapsed_share,
        false as is_projection,
        cast(null as integer) as last_actual_year,
        cast(0 as decimal(9, 6)) as crosswalk_mass
    from {{ ref('int_loans_by_snapshot') }}

),

register as (

    select
        'loans_register' as source_dataset,
        line_id as loan_id,
        lender_code,
        borrower_code,
        enterprise_id,
        enterprise_name,
        coalesce(sector_id, 'unallocated') as sector_id,
        coalesce(instrument_code, 'unknown') as instrument_code,
        currency_code,
        period,
        'M' as frequency,
        cast(previous_date + 1 as date) as flows_from_date,
        {{ in_usd('committed - previous_committed') }} as committed_usd,
        {{ in_usd('disbursed - previous_disbursed') }} as disbursed_usd,
        {{ in_usd('repaid - previous_repaid') }} as repaid_usd,
        {{ in_usd('interest_paid - previous_interest_paid') }} as interest_usd,
        {{ in_usd('outstanding') }} as outstanding_usd,
        committed as committed_to_date,
        cancelled as cancelled_to_date,
        disbursed as disbursed_to_date,
        repaid as repaid_to_date,
        usd_per_unit,
        {{ elapsed_share('as_of_date', 'available_from_date', 'available_to_date') }} as elapsed_share,
        false as is_projection,
        cast(null as integer) as last_actual_year,
        cast(case when sector_id is null then 0 else 1 end as decimal(9, 6)) as crosswalk_mass
    from {{ ref('int_register_by_line') }}

),

activities as (

    select
        'loans_iati_activities' as source_dataset,
        activity_id as loan_id,
        lender_code,
        borrower_code,
        cast(null as varchar) as enterprise_id,
        cast(null as varchar) as enterprise_name,
        sector_id,
        'loan' as instrument_code,
        currency_code,
        period,
        'M' as frequency,
        cast(null as date) as flows_from_date,
        cast(committed_usd as decimal(20, 2)) as committed_usd,
        cast(disbursed_usd as decimal(20, 2)) as disbursed_usd,
        cast(repaid_usd as decimal(20, 2)) as repaid_usd,
        cast(interest_usd as decimal(20, 2)) as interest_usd,
        cast(null as decimal(20, 2)) as outstanding_usd,
        cast(null as decimal(24, 2)) as committed_to_date,
        cast(null as decimal(24, 2)) as cancelled_to_date,
        cast(null as decimal(24, 2)) as disbursed_to_date,
        cast(null as decimal(24, 2)) as repaid_to_date,
        cast(null as decimal(18, 12)) as usd_per_unit,
        cast(null as decimal(9, 6)) as elapsed_share,
        false as is_projection,
        cast(null as integer) as last_actual_year,
        cast(case when sector_id = 'unallocated' then 0 else 1 end as decimal(9, 6)) as crosswalk_mass
    from {{ ref('int_iati_loans_by_sector') }}

),

every_loan as (

    select * from debt
    union all
    select * from statements
    union all
    select * from register
    union all
    select * from activities

),

loan_flows as (

    select *
    from every_loan
    where {{ touched_loans() }}

)

select * from loan_flows
