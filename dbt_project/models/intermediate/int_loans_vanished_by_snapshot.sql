{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_statements('missing_date', 'last_seen_date')) }}",
    meta={'partition': 'month of the statement, and the statement before it'}
) }}

with

statements as (

    select *
    from {{ ref('stg_worldbank__statements') }}
    -- of several statements in a month the last one counts
    qualify
        as_of_date = max(as_of_date) over (partition by lender_code, strftime(as_of_date, '%Y-%m'))

),

dates as (

    select
        lender_code,
        as_of_date,
        lead(as_of_date) over (partition by lender_code order by as_of_date) as next_date
    from statements
    group by lender_code, as_of_date

),

-- a loan that is gone from the next statement: what it was when it was seen last
loans_vanished_by_snapshot as (

    select
        statements.lender_code,
        statements.loan_id,
        statements.borrower_code,
        statements.as_of_date as last_seen_date,
        dates.next_date as missing_date,
        statements.status_name,
        statements.original_usd,
        statements.disbursed_usd,
        statements.repaid_usd,
        statements.due_usd
    from statements
    inner join dates
        on
            statements.lender_code = dates.lender_code
            and statements.as_of_date = dates.as_of_date
    left join statements as later
        on
            statements.loan_id = later.loan_id
            and dates.next_date = later.as_of_date
    where
        dates.next_date is not null
        and {{ touched_statements('dates.next_date', 'dates.as_of_date') }}
        and later.loan_id is null

)

select * from loans_vanished_by_snapshot
