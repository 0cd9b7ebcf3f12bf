with

countries as (

    select
        country_code,
        nullif(alpha2, '') as alpha2_code,
        nullif(m49, '') as m49_code,
        nullif(oksm, '') as oksm_code,
        nullif(comtrade_codes, '') as comtrade_codes,
        name_en as country_name_en,
        name_ru as country_name_ru,
        kind as country_kind,
        coalesce(
            list_contains({{ var('union_members') }}, country_code), false
        ) as is_union_member
    from {{ ref('countries') }}

)

select * from countries
