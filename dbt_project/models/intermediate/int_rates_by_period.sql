with

rates as (

    select
        rates.frequency,
        rates.period,
        rates.currency_code,
        cast(rates.usd_per_unit as decimal(18, 12)) as usd_per_unit,
        rates.source as rate_source,
        periods.end_date as rate_date
    from {{ ref('exchange_rates') }} as rates
    inner join {{ ref('dim_periods') }} as periods
        on rates.period = periods.period and rates.frequency = periods.frequency

)

select * from rates
