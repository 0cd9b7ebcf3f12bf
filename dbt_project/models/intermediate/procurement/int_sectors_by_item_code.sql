with

source_codes as (

    select distinct
        items.scheme,
        items.code as source_code,
        items.code_year
    from {{ ref('int_items_by_subject') }} as items
    where
        items.code is not null
        and items.code_year is not null
        and items.scheme in (select prefixes.scheme from {{ ref('sector_crosswalk') }} as prefixes)

),

{{ sectors_by_prefix('source_codes') }}

select * from sectors_by_prefix
