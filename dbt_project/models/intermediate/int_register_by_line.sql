{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_pairs('loans_register', 'lender_code', 'borrower_code')) }}",
    meta={'partition': 'lender, borrower'}
) }}

with

lines as (

    select
        line_id,
        lender_code,
        borrower_code,
        as_of_date,
        strftime(as_of_date, '%Y-%m') as period,
        instrument_code,
        sector_id,
        enterprise_name,
        currency_code,
        committed,
        cancelled,
        disbursed,
        repaid,
        interest_paid,
        outstanding,
        available_from_date,
        available_to_date,
        max(as_of_date) over (
            partition by lender_code, borrower_code, line_id, strftime(as_of_date, '%Y-%m')
        ) as last_date
    from {{ ref('stg_register__loans') }}
    where
        not is_example
        and {{ touched_pairs('loans_register', 'lender_code', 'borrower_code') }}

),

-- several dates in a month: the last one counts
latest as (

    select *
    from lines
    where as_of_date = last_date

),

neighbours as (

    select
        *,
        lag(as_of_date) over line_dates as previous_date,
        lag(committed) over line_dates as previous_committed,
        lag(disbursed) over line_dates as previous_disbursed,
        lag(repaid) over line_dates as previous_repaid,
        lag(interest_paid) over line_dates as previous_interest_paid
    from latest
    window line_dates as (partition by lender_code, borrower_code, line_id order by as_of_date)

),

-- enterprises of the seed by any of their spellings
spellings as (

    select
        enterprise_id,
        unnest(string_split(concat_ws('|', name_en, name_ru, name_be, aliases), '|')) as spelling
    from {{ ref('enterprises') }}

),

enterprises as (

    select
        lower(trim(spelling)) as label_key,
        min(enterprise_id) as enterprise_id
    from spellings
    group by lower(trim(spelling))

),

register_by_line as (

    select
        neighbours.line_id,
        neighbours.lender_code,
        neighbours.borrower_code,
        neighbours.as_of_date,
        neighbours.period,
        neighbours.instrument_code,
        neighbours.sector_id,
        neighbours.enterprise_name,
        neighbours.currency_code,
        neighbours.committed,
        neighbours.cancelled,
        neighbours.disbursed,
        neighbours.repaid,
        neighbours.interest_paid,
        neighbours.outstanding,
        neighbours.available_from_date,
        neighbours.available_to_date,
        neighbours.previous_date,
        neighbours.previous_committed,
        neighbours.previous_disbursed,
        neighbours.previous_repaid,
        neighbours.previous_interest_paid,
        enterprises.enterprise_id,
        case
            when neighbours.currency_code = 'USD' then cast(1 as decimal(18, 12))
            else rates.usd_per_unit
        end as usd_per_unit,
        rates.rate_source,
        rates.rate_date
    from neighbours
    left join {{ ref('int_rates_by_period') }} as rates
        on
            neighbours.period = rates.period
            and rates.frequency = 'M'
            and neighbours.currency_code = rates.currency_code
    left join enterprises
        on lower(trim(neighbours.enterprise_name)) = enterprises.label_key

)

select * from register_by_line
