with

dated as (

    select
        source_dataset,
        currency_code,
        rate_date,
        usd_per_unit,
        lag(rate_date) over by_currency as rate_date_before,
        lead(rate_date) over by_currency as rate_date_after
    from {{ ref('int_rates_by_day') }}
    window by_currency as (partition by source_dataset, currency_code order by rate_date)

),

in_periods as (

    select
        *,
        'M' as frequency,
        strftime(rate_date, '%Y-%m') as period
    from dated

    union all

    select
        *,
        'Q' as frequency,
        strftime(rate_date, '%Y') || '-Q' || extract('quarter' from rate_date) as period
    from dated

    union all

    select
        *,
        'A' as frequency,
        strftime(rate_date, '%Y') as period
    from dated

),

-- days from one rate to the next; beyond the borders of a period nothing is asked
distances as (

    select
        rates.source_dataset,
        rates.currency_code,
        rates.frequency,
        rates.period,
        rates.rate_date,
        rates.usd_per_unit,
        rates.rate_date - greatest(
            coalesce(rates.rate_date_before, periods.start_date - 1), periods.start_date - 1
        ) as days_before,
        least(
            coalesce(rates.rate_date_after, periods.end_date + 1), periods.end_date + 1
        ) - rates.rate_date as days_after
    from in_periods as rates
    inner join {{ ref('dim_periods') }} as periods
        on rates.frequency = periods.frequency and rates.period = periods.period

),

observed as (

    select
        source_dataset,
        currency_code,
        frequency,
        period,
        cast(count(*) as integer) as rate_count,
        sum(usd_per_unit) as usd_per_unit_sum,
        cast(greatest(max(days_before), max(days_after)) as integer) as longest_gap_days,
        min(rate_date) as first_rate_date,
        max(rate_date) as last_rate_date
    from distances
    group by source_dataset, currency_code, frequency, period

),

spans as (

    select
        source_dataset,
        currency_code,
        min(rate_date) as first_date,
        max(rate_date) as last_date
    from dated
    group by source_dataset, currency_code

),

-- every period between the first and the last rate of a currency, with rates or without
expected as (

    select
        spans.source_dataset,
        spans.currency_code,
        periods.frequency,
        periods.period,
        periods.end_date - periods.start_date + 1 as day_count
    from spans
    inner join {{ ref('dim_periods') }} as periods
        on spans.first_date <= periods.end_date and spans.last_date >= periods.start_date

),

coverage as (

    select
        expected.source_dataset,
        expected.currency_code,
        expected.frequency,
        expected.period,
        coalesce(observed.rate_count, 0) as rate_count,
        observed.usd_per_unit_sum,
        coalesce(observed.longest_gap_days, cast(expected.day_count as integer)) as longest_gap_days,
        observed.first_rate_date,
        observed.last_rate_date,
        observed.longest_gap_days is not null
        and observed.longest_gap_days <= cast(publishers.longest_gap_days as integer) as is_whole
    from expected
    inner join {{ ref('rate_publishers') }} as publishers
        on expected.source_dataset = publishers.source_dataset
    left join observed
        on
            expected.source_dataset = observed.source_dataset
            and expected.currency_code = observed.currency_code
            and expected.frequency = observed.frequency
            and expected.period = observed.period

)

select * from coverage
