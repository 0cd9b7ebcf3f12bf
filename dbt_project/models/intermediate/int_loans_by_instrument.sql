{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_pairs('loans_ids_flows', 'lender_code', 'borrower_code')) }}",
    meta={'partition': 'lender, borrower'}
) }}

with

flows as (

    select *
    from {{ ref('stg_ids__flows') }}
    where {{ touched_pairs('loans_ids_flows', 'lender_code', 'borrower_code') }}

),

between_parties as (

    select flows.*
    from flows
    left join {{ ref('dim_loan_parties') }} as lenders on flows.lender_code = lenders.party_code
    left join {{ ref('dim_loan_parties') }} as borrowers on flows.borrower_code = borrowers.party_code
    where
        coalesce(lenders.party_kind, 'unknown') <> 'aggregate'
        and coalesce(borrowers.party_kind, 'unknown') <> 'aggregate'

),

-- BLTC and MLTC (concessional) are parts of BLAT and MLAT and are left out on purpose
loans_by_instrument as (

    select
        lender_code,
        borrower_code,
        case creditor_kind_code
            when 'BLAT' then 'bilateral'
            when 'MLAT' then 'multilateral'
            when 'PCBK' then 'commercial_bank'
            when 'PBND' then 'bond'
            when 'PROP' then 'other_private'
        end as instrument_code,
        period,
        frequency,
        max(last_actual_year) as last_actual_year,
        cast(sum(value_usd) filter (where measure_code = 'COM') as decimal(20, 2)) as committed_usd,
        cast(sum(value_usd) filter (where measure_code = 'DIS') as decimal(20, 2)) as disbursed_usd,
        cast(sum(value_usd) filter (where measure_code = 'AMT') as decimal(20, 2)) as repaid_usd,
        cast(sum(value_usd) filter (where measure_code = 'INT') as decimal(20, 2)) as interest_usd,
        cast(sum(value_usd) filter (where measure_code = 'DOD') as decimal(20, 2)) as outstanding_usd,
        cast(period as integer)
        > coalesce(max(last_actual_year), {{ var('ids_last_actual_year') }}) as is_projection
    from between_parties
    where
        value_usd is not null
        and measure_code in ('COM', 'DIS', 'AMT', 'INT', 'DOD')
        and creditor_kind_code in ('BLAT', 'MLAT', 'PCBK', 'PBND', 'PROP')
    group by lender_code, borrower_code, creditor_kind_code, period, frequency

)

select * from loans_by_instrument
