with

aliases as (

    select
        {{ label_key('aliases.alias_text') }} as alias_key,
        aliases.country_code,
        aliases.alias_text
    from {{ ref('country_aliases') }} as aliases
    inner join {{ ref('dim_countries') }} as countries on aliases.country_code = countries.country_code
    where countries.country_kind <> 'aggregate'

    union all

    select
        {{ label_key('alpha2_code') }} as alias_key,
        country_code,
        alpha2_code as alias_text
    from {{ ref('dim_countries') }}
    where alpha2_code is not null

),

-- two countries under one key stay two rows, which the test of the key reports
by_key as (

    select
        alias_key,
        country_code,
        min(alias_text) as alias_text
    from aliases
    where alias_key <> ''
    group by alias_key, country_code

)

select * from by_key
