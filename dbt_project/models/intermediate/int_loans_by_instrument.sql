with

flows as (

    select * from {{ ref('stg_ids__flows') }}

),

latest as (

    select max(edition_year) as edition_year
    from flows

),

between_countries as (

    select flows.*
    from flows
    inner join latest on flows.edition_year = latest.edition_year
    left join {{ ref('dim_countries') }} as lenders on flows.lender_code = lenders.country_code
    left join {{ ref('dim_countries') }} as borrowers on flows.borrower_code = borrowers.country_code
    where
        coalesce(lenders.country_kind, 'unknown') <> 'aggregate'
        and coalesce(borrowers.country_kind, 'unknown') <> 'aggregate'

),

-- BLTC (concessional) is a part of BLAT and is left out on purpose
loans_by_instrument as (

    select
        lender_code,
        borrower_code,
        period,
        frequency,
        edition_year,
        cast(sum(value_usd) filter (where series_code = 'DT.AMT.BLAT.CD') as decimal(20, 2))
            as repaid_bilateral_usd,
        cast(sum(value_usd) filter (where series_code = 'DT.AMT.PCBK.CD') as decimal(20, 2))
            as repaid_commercial_usd,
        cast(
            sum(value_usd) filter (where series_code in ('DT.AMT.BLAT.CD', 'DT.AMT.PCBK.CD'))
            as decimal(20, 2)
        ) as repaid_usd,
        cast(sum(value_usd) filter (where series_code = 'DT.INT.BLAT.CD') as decimal(20, 2))
            as interest_bilateral_usd,
        cast(sum(value_usd) filter (where series_code = 'DT.INT.PCBK.CD') as decimal(20, 2))
            as interest_commercial_usd,
        cast(
            sum(value_usd) filter (where series_code in ('DT.INT.BLAT.CD', 'DT.INT.PCBK.CD'))
            as decimal(20, 2)
        ) as interest_usd,
        cast(period as integer) > edition_year - {{ var('ids_last_actual_lag') }} as is_projection
    from between_countries
    where series_code in ('DT.AMT.BLAT.CD', 'DT.AMT.PCBK.CD', 'DT.INT.BLAT.CD', 'DT.INT.PCBK.CD')
    group by lender_code, borrower_code, period, frequency, edition_year

)

select * from loans_by_instrument
