with

enterprises as (

    select
        enterprise_id,
        name_en as enterprise_name_en,
        nullif(name_ru, '') as enterprise_name_ru,
        nullif(name_be, '') as enterprise_name_be,
        nullif(aliases, '') as aliases,
        country_code,
        nullif(sector_id, '') as sector_id,
        nullif(tax_id, '') as tax_id,
        source as enterprise_source
    from {{ ref('enterprises') }}

)

select * from enterprises
