{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_statements('as_of_date', 'previous_date')) }}",
    meta={'partition': 'month of the statement, and the statement after it'}
) }}

with

statements as (

    select *
    from {{ ref('stg_worldbank__statements') }}
    -- of several statements in a month the last one counts
    qualify
        as_of_date = max(as_of_date) over (partition by lender_code, strftime(as_of_date, '%Y-%m'))

),

-- statements of loans and of credits come out apart
dates as (

    select
        lender_code,
        as_of_date,
        lag(as_of_date) over (partition by lender_code order by as_of_date) as previous_date
    from statements
    group by lender_code, as_of_date

),

reached as (

    select *
    from dates
    where {{ touched_statements('as_of_date', 'previous_date') }}

),

neighbours as (

    select
        statements.lender_code,
        statements.loan_id,
        statements.borrower_code,
        statements.as_of_date,
        statements.loan_type_code,
        statements.status_name,
        statements.original_usd,
        statements.cancelled_usd,
        statements.undisbursed_usd,
        statements.disbursed_usd,
        statements.repaid_usd,
        statements.due_usd,
        statements.approval_date,
        statements.signing_date,
        statements.effective_date,
        statements.closed_date,
        reached.previous_date,
        earlier.loan_id is not null as has_previous,
        earlier.original_usd as previous_original_usd,
        earlier.disbursed_usd as previous_disbursed_usd,
        earlier.repaid_usd as previous_repaid_usd,
        earlier.cancelled_usd as previous_cancelled_usd,
        -- approved since the last statement: before it nothing was drawn or paid back
        reached.previous_date is not null
        and earlier.loan_id is null
        and statements.approval_date > reached.previous_date as is_new
    from statements
    inner join reached
        on
            statements.lender_code = reached.lender_code
            and statements.as_of_date = reached.as_of_date
    left join statements as earlier
        on
            statements.loan_id = earlier.loan_id
            and reached.previous_date = earlier.as_of_date

),

loans_by_snapshot as (

    select
        lender_code,
        loan_id,
        borrower_code,
        as_of_date,
        loan_type_code,
        status_name,
        original_usd,
        cancelled_usd,
        undisbursed_usd,
        disbursed_usd,
        repaid_usd,
        due_usd,
        previous_date,
        case
            when previous_date is null then 'first statement'
            when has_previous then 'continued'
            when is_new then 'new'
            else 'appeared'
        end as presence,
        case
            when has_previous then original_usd - previous_original_usd
            when is_new then original_usd
        end as newly_committed_usd,
        case
            when has_previous then disbursed_usd - previous_disbursed_usd
            when is_new then disbursed_usd
        end as drawn_usd,
        case
            when has_previous then repaid_usd - previous_repaid_usd
            when is_new then repaid_usd
        end as paid_back_usd,
        original_usd - disbursed_usd - undisbursed_usd - cancelled_usd as identity_gap_usd,
        abs(original_usd - disbursed_usd - undisbursed_usd - cancelled_usd)
        <= greatest(1, {{ var('loan_identity_tolerance') }} * original_usd) as is_identity_kept,
        coalesce(effective_date, signing_date, approval_date) as available_from_date,
        closed_date as available_to_date
    from neighbours

)

select * from loans_by_snapshot
