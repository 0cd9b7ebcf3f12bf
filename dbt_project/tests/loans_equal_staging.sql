-- Money identity: principal and interest by year are those of staging's latest edition without
-- aggregates and without the concessional part. Fails when one side has a year that the other lacks.
with

staged as (

    select
        flows.period,
        sum(flows.value_usd) filter (where flows.series_code like 'DT.AMT.%') as repaid_usd,
        sum(flows.value_usd) filter (where flows.series_code like 'DT.INT.%') as interest_usd
    from {{ ref('stg_ids__flows') }} as flows
    where
        flows.edition_year in (select max(editions.edition_year) from {{ ref('stg_ids__flows') }} as editions)
        and flows.series_code not like '%.BLTC.%'
        and flows.lender_code not in (
            select countries.country_code
            from {{ ref('dim_countries') }} as countries
            where countries.country_kind = 'aggregate'
        )
    group by flows.period

),

mart as (

    select
        period,
        sum(repaid_usd) as repaid_usd,
        sum(interest_usd) as interest_usd
    from {{ ref('mart_sector_loans') }}
    group by period

)

select
    period,
    staged.repaid_usd as staged_repaid_usd,
    mart.repaid_usd as mart_repaid_usd,
    staged.interest_usd as staged_interest_usd,
    mart.interest_usd as mart_interest_usd
from staged
full outer join mart using (period)
where
    staged.repaid_usd is distinct from mart.repaid_usd
    or staged.interest_usd is distinct from mart.interest_usd
