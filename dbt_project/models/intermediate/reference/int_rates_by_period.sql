with

-- a publisher's own currency is taken from it, any other by the order of the seed
ranked as (

    select
        coverage.frequency,
        coverage.period,
        coverage.currency_code,
        coverage.source_dataset,
        coverage.rate_count,
        coverage.usd_per_unit_sum,
        row_number() over (
            partition by coverage.frequency, coverage.period, coverage.currency_code
            order by
                case when publishers.own_currency_code = coverage.currency_code then 0 else 1 end,
                cast(publishers.publisher_order as integer)
        ) as place
    from {{ ref('int_rate_coverage_by_period') }} as coverage
    inner join {{ ref('rate_publishers') }} as publishers
        on coverage.source_dataset = publishers.source_dataset
    where coverage.is_whole

),

averaged as (

    select
        frequency,
        period,
        currency_code,
        cast(
            cast(
                {{
                    divide_integers(
                        'cast(cast(usd_per_unit_sum as decimal(38, 12)) * 1000000000000 as hugeint)',
                        'cast(rate_count as hugeint)',
                    )
                }} as decimal(26, 0)
            ) * cast('0.000000000001' as decimal(12, 12)) as decimal(18, 12)
        ) as usd_per_unit,
        source_dataset || ', average of ' || rate_count || ' daily rates' as rate_source,
        rate_count
    from ranked
    where place = 1

),

-- averages that are shipped stand in where no daily rates of a whole period were loaded
shipped as (

    select
        frequency,
        period,
        currency_code,
        cast(usd_per_unit as decimal(18, 12)) as usd_per_unit,
        source as rate_source,
        cast(days as integer) as rate_count
    from {{ ref('exchange_rates') }} as rates
    where
        not exists (
            select 1
            from averaged
            where
                averaged.frequency = rates.frequency
                and averaged.period = rates.period
                and averaged.currency_code = rates.currency_code
        )

),

chosen as (

    select * from averaged

    union all

    select * from shipped

),

rates as (

    select
        chosen.frequency,
        chosen.period,
        chosen.currency_code,
        chosen.usd_per_unit,
        chosen.rate_source,
        periods.end_date as rate_date,
        chosen.rate_count
    from chosen
    inner join {{ ref('dim_periods') }} as periods
        on chosen.period = periods.period and chosen.frequency = periods.frequency

)

select * from rates
