{{ config(tags=['explains_loans', 'explains_cooperation']) }}

with

keyed as (

    select
        *,
        concat_ws(
            '|', source_dataset, lender_code, borrower_code, loan_id, sector_id, currency_code, period,
            frequency
        ) as all_keys
    from {{ ref('lineage_fct_loan_flows') }}

),

counted as (

    select
        *,
        case when bool_or(counted_as = 'taken off') over (partition by all_keys) then 2 else 1 end
            as date_count
    from keyed

),

added_up as (

    select
        source_dataset,
        lender_code,
        borrower_code,
        loan_id,
        sector_id,
        currency_code,
        period,
        frequency,
        max(usd_per_unit) as usd_per_unit,
        -- a difference is told where both dates tell the amount
        case when count(committed_own) = count(*) or date_count = 1 then sum(committed_own) end
            as committed_own,
        case when count(disbursed_own) = count(*) or date_count = 1 then sum(disbursed_own) end
            as disbursed_own,
        case when count(repaid_own) = count(*) or date_count = 1 then sum(repaid_own) end
            as repaid_own,
        case when count(interest_own) = count(*) or date_count = 1 then sum(interest_own) end
            as interest_own,
        sum(outstanding_own) as outstanding_own
    from counted
    group by
        source_dataset, lender_code, borrower_code, loan_id, sector_id, currency_code, period, frequency,
        date_count

),

converted as (

    select
        source_dataset,
        lender_code,
        borrower_code,
        loan_id,
        sector_id,
        currency_code,
        period,
        frequency,
        {{ in_usd('committed_own') }} as committed_usd,
        {{ in_usd('disbursed_own') }} as disbursed_usd,
        {{ in_usd('repaid_own') }} as repaid_usd,
        {{ in_usd('interest_own') }} as interest_usd,
        {{ in_usd('outstanding_own') }} as outstanding_usd
    from added_up

)

select * from converted
