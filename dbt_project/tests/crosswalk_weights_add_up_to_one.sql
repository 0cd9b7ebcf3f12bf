-- The weights of one prefix in one year add up to 1; a seed without rows fails as well.
with

years as (

    select distinct cast(left(end_date, 4) as integer) as code_year
    from (select cast(end_date as varchar) as end_date from {{ ref('dim_periods') }})

),

weights as (

    select
        crosswalk.scheme,
        crosswalk.code_prefix,
        years.code_year,
        sum(cast(crosswalk.weight as decimal(9, 8))) as weight
    from {{ ref('sector_crosswalk') }} as crosswalk
    inner join years
        on
            years.code_year >= cast(left(coalesce(nullif(crosswalk.valid_from, ''), '0001'), 4) as integer)
            and years.code_year <= cast(left(coalesce(nullif(crosswalk.valid_to, ''), '9999'), 4) as integer)
    group by crosswalk.scheme, crosswalk.code_prefix, years.code_year

)

select
    scheme,
    code_prefix,
    code_year,
    weight
from weights
where weight <> 1

union all

select
    'no crosswalk' as scheme,
    null as code_prefix,
    null as code_year,
    null as weight
where not exists (select 1 from weights)
