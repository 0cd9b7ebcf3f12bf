{{ config(tags=['explains_loans', 'explains_cooperation']) }}

with

debt as (

    select
        'loans_ids_flows' as source_dataset,
        _load_id as load_id,
        _row as row_number,
        'counted' as counted_as,
        series_code as part,
        lender_code,
        borrower_code,
        case creditor_kind_code
            when 'BLAT' then 'bilateral'
            when 'MLAT' then 'multilateral'
            when 'PCBK' then 'commercial_bank'
            when 'PBND' then 'bond'
            when 'PROP' then 'other_private'
        end as loan_id,
        period,
        case measure_code when 'COM' then value_usd end as committed_own,
        case measure_code when 'DIS' then value_usd end as disbursed_own,
        case measure_code when 'AMT' then value_usd end as repaid_own,
        case measure_code when 'INT' then value_usd end as interest_own,
        case measure_code when 'DOD' then value_usd end as outstanding_own
    from {{ ref('stg_ids__flows') }}
    where
        value_usd is not null
        and measure_code in ('COM', 'DIS', 'AMT', 'INT', 'DOD')
        and creditor_kind_code in ('BLAT', 'MLAT', 'PCBK', 'PBND', 'PROP')

),

-- flows of a statement are its amounts so far less those of the statement before
statement_dates as (

    select
        lender_code,
        loan_id,
        borrower_code,
        as_of_date,
        presence,
        strftime(as_of_date, '%Y-%m') as period,
        as_of_date as told_date,
        false as is_before
    from {{ ref('int_loans_by_snapshot') }}

    union all

    select
        lender_code,
        loan_id,
        borrower_code,
        as_of_date,
        presence,
        strftime(as_of_date, '%Y-%m') as period,
        previous_date as told_date,
        true as is_before
    from {{ ref('int_loans_by_snapshot') }}
    where presence = 'continued'

),

statements as (

    select
        'loans_worldbank_statements' as source_dataset,
        stated._load_id as load_id,
        stated._row as row_number,
        case when dates.is_before then 'taken off' else 'counted' end as counted_as,
        'statement of ' || dates.told_date as part,
        dates.lender_code,
        dates.borrower_code,
        dates.loan_id,
        dates.period,
        case
            when dates.is_before then -stated.original_usd
            when dates.presence in ('continued', 'new') then stated.original_usd
        end as committed_own,
        case
            when dates.is_before then -stated.disbursed_usd
            when dates.presence in ('continued', 'new') then stated.disbursed_usd
        end as disbursed_own,
        case
            when dates.is_before then -stated.repaid_usd
            when dates.presence in ('continued', 'new') then stated.repaid_usd
        end as repaid_own,
        cast(null as decimal(18, 2)) as interest_own,
        case when not dates.is_before then stated.due_usd end as outstanding_own
    from statement_dates as dates
    inner join {{ ref('stg_worldbank__statements') }} as stated
        on
            dates.loan_id = stated.loan_id
            and dates.told_date = stated.as_of_date

),

register_dates as (

    select
        lender_code,
        borrower_code,
        line_id,
        period,
        as_of_date as told_date,
        previous_date is not null as has_before,
        false as is_before
    from {{ ref('int_register_by_line') }}

    union all

    select
        lender_code,
        borrower_code,
        line_id,
        period,
        previous_date as told_date,
        true as has_before,
        true as is_before
    from {{ ref('int_register_by_line') }}
    where previous_date is not null

),

register as (

    select
        'loans_register' as source_dataset,
        stated._load_id as load_id,
        stated._row as row_number,
        case when dates.is_before then 'taken off' else 'counted' end as counted_as,
        'line ' || dates.line_id || ' of ' || dates.told_date as part,
        dates.lender_code,
        dates.borrower_code,
        dates.line_id as loan_id,
        dates.period,
        case
            when dates.is_before then -stated.committed
            when dates.has_before then stated.committed
        end as committed_own,
        case
            when dates.is_before then -stated.disbursed
            when dates.has_before then stated.disbursed
        end as disbursed_own,
        case
            when dates.is_before then -stated.repaid
            when dates.has_before then stated.repaid
        end as repaid_own,
        case
            when dates.is_before then -stated.interest_paid
            when dates.has_before then stated.interest_paid
        end as interest_own,
        case when not dates.is_before then stated.outstanding end as outstanding_own
    from register_dates as dates
    inner join {{ ref('stg_register__loans') }} as stated
        on
            dates.lender_code = stated.lender_code
            and dates.borrower_code = stated.borrower_code
            and dates.line_id = stated.line_id
            and dates.told_date = stated.as_of_date

),

-- an activity is one document: its figures are not split over rows
activities as (

    select
        'loans_iati_activities' as source_dataset,
        activities._load_id as load_id,
        activities._row as row_number,
        'tells it whole' as counted_as,
        'activity ' || activities.activity_id as part,
        flows.lender_code,
        flows.borrower_code,
        flows.loan_id,
        flows.period,
        flows.committed_usd as committed_own,
        flows.disbursed_usd as disbursed_own,
        flows.repaid_usd as repaid_own,
        flows.interest_usd as interest_own,
        flows.outstanding_usd as outstanding_own,
        flows.sector_id,
        flows.currency_code,
        flows.frequency,
        cast(1 as decimal(18, 12)) as usd_per_unit
    from {{ ref('fct_loan_flows') }} as flows
    inner join {{ source('accepted', 'loans_iati_activities') }} as activities
        on flows.loan_id = activities.activity_id
    where flows.source_dataset = 'loans_iati_activities'

),

split as (

    select * from debt
    union all
    select * from statements
    union all
    select * from register

),

loan_rows as (

    select
        split.*,
        flows.sector_id,
        flows.currency_code,
        flows.frequency,
        flows.usd_per_unit
    from split
    inner join {{ ref('fct_loan_flows') }} as flows
        on
            split.source_dataset = flows.source_dataset
            and split.lender_code = flows.lender_code
            and split.borrower_code = flows.borrower_code
            and split.loan_id = flows.loan_id
            and split.period = flows.period

    union all

    select * from activities

)

select * from loan_rows
