{# Products are what classifications of goods name; ISIC and DAC name activities and purposes. #}
with

goods as (

    select
        *,
        case scheme when 'TNVED' then 'HS' else scheme end as crosswalk_scheme
    from {{ ref('dim_codes') }}
    where scheme in ('HS', 'TNVED', 'OKPD2', 'OKRB', 'CPV') and not starts_with(code, 'S')

),

-- a code that was given up and given again has one row here: the last one
newest as (

    select *
    from goods
    qualify
        row_number() over (
            partition by scheme, vintage, code order by valid_from_date desc nulls last
        ) = 1

),

source_codes as (

    select distinct
        crosswalk_scheme as scheme,
        code as source_code,
        code_year
    from newest
    where code_year is not null

),

{{ sectors_by_prefix('source_codes') }},

by_code as (

    select
        scheme,
        source_code,
        code_year,
        count(*) as sector_count,
        min(sector_id) as sector_id,
        bool_and(is_unambiguous) as is_unambiguous
    from sectors_by_prefix
    group by scheme, source_code, code_year

),

products as (

    select
        newest.scheme,
        newest.vintage,
        newest.code,
        newest.parent_code,
        newest.code_name as product_name_en,
        newest.code_name_ru as product_name_ru,
        case when by_code.sector_count = 1 then by_code.sector_id end as sector_id,
        coalesce(by_code.is_unambiguous, false) as is_unambiguous,
        newest.valid_from_date,
        newest.valid_to_date,
        newest.source_dataset
    from newest
    left join by_code
        on
            newest.crosswalk_scheme = by_code.scheme
            and newest.code = by_code.source_code
            and newest.code_year = by_code.code_year

)

select * from products
