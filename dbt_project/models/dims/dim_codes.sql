with

vintages as (

    select
        vintage,
        vintage_year,
        cast(valid_from as date) as valid_from_date,
        cast(nullif(valid_to, '') as date) as valid_to_date
    from {{ ref('vintages') }}
    where scheme = 'HS'

),

-- the correlation tables lose leading zeros; years of the SITC stand beside those of HS
pairs as (

    select
        lpad(code_after, 6, '0') as code,
        left(pair_name, 4) as vintage_year
    from {{ ref('stg_reference__hs_concordances') }}

    union

    select
        lpad(code_before, 6, '0') as code,
        right(pair_name, 4) as vintage_year
    from {{ ref('stg_reference__hs_concordances') }}
    where left(pair_name, 4) <> '1992'

),

correlated as (

    select
        vintages.vintage,
        pairs.code
    from pairs
    inner join vintages on pairs.vintage_year = vintages.vintage_year
    where length(pairs.code) = 6

),

hs as (

    select
        'HS' as scheme,
        coalesce(listed.classification_code, correlated.vintage) as vintage,
        coalesce(listed.code, correlated.code) as code,
        listed.name as code_name,
        'reference_hs_codes' as source_dataset
    from {{ ref('stg_reference__hs_codes') }} as listed
    full outer join correlated
        on listed.classification_code = correlated.vintage and listed.code = correlated.code
    where regexp_matches(coalesce(listed.code, correlated.code), '^([0-9]{2}|[0-9]{4}|[0-9]{6})$')

),

hs_dated as (

    select
        hs.scheme,
        hs.vintage,
        hs.code,
        case length(hs.code) when 4 then left(hs.code, 2) when 6 then left(hs.code, 4) end as parent_code,
        hs.code_name,
        vintages.valid_from_date,
        vintages.valid_to_date,
        case when hs.code_name is null then 'reference_hs_concordances' else hs.source_dataset end
            as source_dataset
    from hs
    left join vintages on hs.vintage = vintages.vintage

),

-- both classifications of products follow the CPA: each dot is a level
dotted as (

    select
        scheme_code as scheme,
        code,
        name as code_name,
        'reference_okpd2_codes' as source_dataset
    from {{ ref('stg_reference__okpd2_codes') }}

    union all

    select
        scheme_code as scheme,
        code,
        name as code_name,
        'reference_okrb_codes' as source_dataset
    from {{ ref('stg_reference__okrb_codes') }}

),

by_prefix as (

    select
        codes.scheme,
        codes.code,
        codes.code_name,
        codes.source_dataset,
        max_by(parents.code, length(parents.code)) as parent_code
    from dotted as codes
    left join dotted as parents
        on
            codes.scheme = parents.scheme
            and left(codes.code, 2) = left(parents.code, 2)
            and length(codes.code) > length(parents.code)
            and {{ code_starts_with('codes.code', 'parents.code') }}
    group by codes.scheme, codes.code, codes.code_name, codes.source_dataset

),

-- CPV fills codes up with zeros
cpv as (

    select
        code,
        max(name) filter (where language_code = 'en') as code_name,
        max(name) filter (where language_code = 'ru' and name <> code) as code_name_ru
    from {{ ref('stg_reference__cpv_codes') }}
    group by code

),

tnved_headings as (

    select
        case table_name
            when 'TNVED1' then 'S' || section_code
            when 'TNVED2' then chapter_code
            else chapter_code || heading_digits
        end as code,
        case table_name when 'TNVED2' then 'S' || section_code when 'TNVED3' then chapter_code end
            as parent_code,
        {{ clean_name('name') }} as code_name,
        valid_from_date,
        valid_to_date
    from {{ ref('stg_reference__tnved_tables') }}

),

tnved_codes as (

    select
        code,
        left(code, case length(code) when 10 then 4 else 2 end) as parent_code,
        {{ clean_name('name') }} as code_name,
        valid_from_date
    from {{ ref('stg_reference__tnved_codes') }}
    where length(code) = 10

),

codes as (

    select
        scheme,
        vintage,
        code,
        parent_code,
        code_name,
        cast(null as varchar) as code_name_ru,
        valid_from_date,
        valid_to_date,
        source_dataset
    from hs_dated

    union all

    select
        scheme,
        case scheme when 'OKPD2' then 'OK 034-2014' else 'OKRB 007-2012' end as vintage,
        code,
        parent_code,
        cast(null as varchar) as code_name,
        code_name as code_name_ru,
        cast(null as date) as valid_from_date,
        cast(null as date) as valid_to_date,
        source_dataset
    from by_prefix

    union all

    select
        'CPV' as scheme,
        '2008' as vintage,
        code,
        cast(null as varchar) as parent_code,
        code_name,
        code_name_ru,
        cast(null as date) as valid_from_date,
        cast(null as date) as valid_to_date,
        'reference_cpv_codes' as source_dataset
    from cpv

    union all

    select
        'TNVED' as scheme,
        'tables' as vintage,
        code,
        parent_code,
        cast(null as varchar) as code_name,
        max(code_name) as code_name_ru,
        valid_from_date,
        max(valid_to_date) as valid_to_date,
        'reference_tnved_tables' as source_dataset
    from tnved_headings
    group by code, parent_code, valid_from_date

    union all

    select
        'TNVED' as scheme,
        'tree' as vintage,
        code,
        parent_code,
        cast(null as varchar) as code_name,
        max(code_name) as code_name_ru,
        max(valid_from_date) as valid_from_date,
        cast(null as date) as valid_to_date,
        'reference_tnved_codes' as source_dataset
    from tnved_codes
    group by code, parent_code

    union all

    select
        'ISIC4' as scheme,
        'Rev. 4' as vintage,
        code,
        case when length(code) > 2 then left(code, length(code) - 1) end as parent_code,
        name as code_name,
        cast(null as varchar) as code_name_ru,
        cast(null as date) as valid_from_date,
        cast(null as date) as valid_to_date,
        'reference_isic_codes' as source_dataset
    from {{ ref('stg_reference__isic_codes') }}

    union all

    select
        'DAC' as scheme,
        'CRS' as vintage,
        code,
        left(code, 3) as parent_code,
        name as code_name,
        cast(null as varchar) as code_name_ru,
        cast(null as date) as valid_from_date,
        cast(null as date) as valid_to_date,
        'reference_dac_codes' as source_dataset
    from {{ ref('stg_reference__dac_codes') }}

),

-- the year in which the crosswalk is asked for a code: the first of its vintage
codes_by_year as (

    select
        *,
        case scheme
            when 'OKPD2' then 2014
            when 'OKRB' then 2012
            when 'CPV' then 2008
            else cast(extract('year' from valid_from_date) as integer)
        end as code_year
    from codes

)

select * from codes_by_year
