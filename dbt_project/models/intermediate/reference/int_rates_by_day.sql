{#
    A rate is a fraction, units of the publisher's own currency for units of a foreign one, in
    millionths, so that whole numbers are divided once, at the end, and nothing is a double.
#}
with

published as (

    select
        'reference_rates_cbr' as source_dataset,
        rate_date,
        currency_code,
        cast(cast(rate_rub as decimal(28, 6)) * 1000000 as hugeint) as own_millionths,
        cast(unit_count as hugeint) * 1000000 as foreign_millionths
    from {{ ref('stg_cbr__rates') }}

    union all

    select
        'reference_rates_nbrb' as source_dataset,
        rate_date,
        currency_code,
        cast(cast(rate_byn as decimal(28, 6)) * 1000000 as hugeint) as own_millionths,
        cast(unit_count as hugeint) * 1000000 as foreign_millionths
    from {{ ref('stg_nbrb__rates') }}

    union all

    select
        'reference_rates_ecb' as source_dataset,
        rate_date,
        currency_code,
        cast(1000000 as hugeint) as own_millionths,
        cast(cast(rate_per_eur as decimal(28, 6)) * 1000000 as hugeint) as foreign_millionths
    from {{ ref('stg_ecb__rates') }}

),

dollars as (

    select
        source_dataset,
        rate_date,
        own_millionths,
        foreign_millionths
    from published
    where currency_code = 'USD'

),

-- one unit of the publisher's own currency is one unit of it
every as (

    select * from published

    union all

    select
        dollars.source_dataset,
        dollars.rate_date,
        publishers.own_currency_code as currency_code,
        cast(1000000 as hugeint) as own_millionths,
        cast(1000000 as hugeint) as foreign_millionths
    from dollars
    inner join {{ ref('rate_publishers') }} as publishers
        on dollars.source_dataset = publishers.source_dataset

),

-- both against the publisher's currency on the same day; a day without a dollar gives nothing
triangulated as (

    select
        every.source_dataset,
        every.rate_date,
        every.currency_code,
        cast(
            cast(
                {{
                    divide_integers(
                        'every.own_millionths * dollars.foreign_millionths * 1000000000000',
                        'every.foreign_millionths * dollars.own_millionths',
                    )
                }} as decimal(38, 0)
            ) * cast('0.000000000001' as decimal(12, 12)) as decimal(24, 12)
        ) as usd_per_unit
    from every
    inner join dollars
        on every.source_dataset = dollars.source_dataset and every.rate_date = dollars.rate_date
    where every.currency_code <> 'USD'

)

select * from triangulated
