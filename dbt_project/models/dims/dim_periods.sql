with

months as (

    {{ month_rows(1962, 2040) }}

),

monthly as (

    select
        strftime(month_start, '%Y-%m') as period,
        'M' as frequency,
        strftime(month_start, '%Y') as year_period,
        month_start as start_date,
        last_day(month_start) as end_date
    from months

),

quarterly as (

    select
        strftime(month_start, '%Y') || '-Q' || extract('quarter' from month_start) as period,
        'Q' as frequency,
        strftime(month_start, '%Y') as year_period,
        min(month_start) as start_date,
        max(last_day(month_start)) as end_date
    from months
    group by strftime(month_start, '%Y'), extract('quarter' from month_start)

),

annual as (

    select
        year_period as period,
        'A' as frequency,
        year_period,
        min(start_date) as start_date,
        max(end_date) as end_date
    from monthly
    group by year_period

),

periods as (

    select * from monthly
    union all
    select * from quarterly
    union all
    select * from annual

)

select * from periods
