-- Money identities: principal and interest by year are those of staging without aggregates and
-- without the concessional parts; amounts so far are those of the statements. Fails when one side
-- has a period that the other lacks.
with

aggregates as (

    select party_code
    from {{ ref('dim_loan_parties') }}
    where party_kind = 'aggregate'

),

staged as (

    select
        flows.period,
        cast(
            sum(flows.value_usd) filter (where flows.measure_code = 'AMT') as decimal(20, 2)
        ) as repaid_usd,
        cast(
            sum(flows.value_usd) filter (where flows.measure_code = 'INT') as decimal(20, 2)
        ) as interest_usd,
        cast(null as decimal(20, 2)) as disbursed_to_date_usd
    from {{ ref('stg_ids__flows') }} as flows
    where
        flows.creditor_kind_code in ('BLAT', 'MLAT', 'PCBK', 'PBND', 'PROP')
        and flows.measure_code in ('COM', 'DIS', 'AMT', 'INT', 'DOD')
        and flows.value_usd is not null
        and flows.lender_code not in (select aggregates.party_code from aggregates)
        and flows.borrower_code not in (select aggregates.party_code from aggregates)
    group by flows.period

    union all

    select
        strftime(statements.as_of_date, '%Y-%m') as period,
        cast(null as decimal(20, 2)) as repaid_usd,
        cast(null as decimal(20, 2)) as interest_usd,
        cast(sum(statements.disbursed_usd) as decimal(20, 2)) as disbursed_to_date_usd
    from {{ ref('stg_worldbank__statements') }} as statements
    where
        statements.as_of_date in (
            select max(latest.as_of_date)
            from {{ ref('stg_worldbank__statements') }} as latest
            group by latest.lender_code, strftime(latest.as_of_date, '%Y-%m')
        )
    group by strftime(statements.as_of_date, '%Y-%m')

),

mart as (

    select
        period,
        sum(case when source_dataset = 'loans_ids_flows' then repaid_usd end) as repaid_usd,
        sum(case when source_dataset = 'loans_ids_flows' then interest_usd end) as interest_usd,
        sum(disbursed_to_date_usd) as disbursed_to_date_usd
    from {{ ref('mart_sector_loans') }}
    where source_dataset <> 'loans_register'
    group by period

)

select
    period,
    staged.repaid_usd as staged_repaid_usd,
    mart.repaid_usd as mart_repaid_usd,
    staged.interest_usd as staged_interest_usd,
    mart.interest_usd as mart_interest_usd,
    staged.disbursed_to_date_usd as staged_disbursed_to_date_usd,
    mart.disbursed_to_date_usd as mart_disbursed_to_date_usd
from staged
full outer join mart using (period)
where
    staged.repaid_usd is distinct from mart.repaid_usd
    or staged.interest_usd is distinct from mart.interest_usd
    or staged.disbursed_to_date_usd is distinct from mart.disbursed_to_date_usd
