with

sectors as (

    select
        sector_id,
        nullif(parent_sector_id, '') as parent_sector_id,
        name_en as sector_name_en,
        name_ru as sector_name_ru,
        cast(is_leaf as boolean) as is_leaf,
        source as sector_source
    from {{ ref('sectors') }}

)

select * from sectors
