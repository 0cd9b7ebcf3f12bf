with

parties as (

    select
        country_code as party_code,
        country_name_en as party_name_en,
        country_name_ru as party_name_ru,
        country_kind as party_kind
    from {{ ref('dim_countries') }}

    union all

    select
        party_code,
        name_en as party_name_en,
        nullif(name_ru, '') as party_name_ru,
        kind as party_kind
    from {{ ref('loan_parties') }}

)

select * from parties
