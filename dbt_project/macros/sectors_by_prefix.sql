{#
    Expressions from a table of codes (scheme, source_code, code_year) to sectors_by_prefix: the sector
    of each code by the longest prefix that is valid in that year. Codes that end above a prefix of
    another sector are ambiguous and go where stated weights say, else to unallocated.
#}
{% macro sectors_by_prefix(codes) -%}
trimmed as (

    select
        scheme,
        source_code,
        code_year,
        {{ trim_code('scheme', 'source_code') }} as code
    from {{ codes }}

),

crosswalk as (

    select
        scheme,
        {{ trim_code('scheme', 'code_prefix') }} as code_prefix,
        sector_id,
        cast(weight as decimal(9, 8)) as weight,
        cast(left(coalesce(nullif(valid_from, ''), '0001'), 4) as integer) as first_year,
        cast(left(coalesce(nullif(valid_to, ''), '9999'), 4) as integer) as last_year
    from {{ ref('sector_crosswalk') }}

),

matches as (

    select
        codes.*,
        crosswalk.code_prefix,
        crosswalk.sector_id,
        crosswalk.weight
    from trimmed as codes
    inner join crosswalk
        on
            codes.scheme = crosswalk.scheme
            and codes.code_year between crosswalk.first_year and crosswalk.last_year
            and {{ code_starts_with('codes.code', 'crosswalk.code_prefix') }}

),

longest as (

    select
        scheme,
        source_code,
        code_year,
        max(length(code_prefix)) as prefix_length
    from matches
    group by scheme, source_code, code_year

),

mapped as (

    select
        codes.scheme,
        codes.source_code,
        codes.code_year,
        codes.code,
        matches.code_prefix,
        coalesce(matches.sector_id, 'other') as sector_id,
        coalesce(matches.weight, 1) as weight
    from trimmed as codes
    left join longest
        on
            codes.scheme = longest.scheme
            and codes.source_code = longest.source_code
            and codes.code_year = longest.code_year
    left join matches
        on
            longest.scheme = matches.scheme
            and longest.source_code = matches.source_code
            and longest.code_year = matches.code_year
            and longest.prefix_length = length(matches.code_prefix)

),

-- codes that end above a prefix of another sector: the prefix beneath may or may not be meant
ambiguous as (

    select distinct
        mapped.scheme,
        mapped.source_code,
        mapped.code_year
    from mapped
    inner join crosswalk
        on
            mapped.scheme = crosswalk.scheme
            and mapped.code_year between crosswalk.first_year and crosswalk.last_year
            and {{ code_starts_with('crosswalk.code_prefix', 'mapped.code') }}
            and length(crosswalk.code_prefix) > length(mapped.code)
            and mapped.sector_id <> crosswalk.sector_id

),

judged as (

    select
        mapped.scheme,
        mapped.source_code,
        mapped.code_year,
        mapped.code_prefix,
        mapped.sector_id,
        mapped.weight,
        mapped.code = '' or ambiguous.source_code is not null as is_ambiguous
    from mapped
    left join ambiguous
        on
            mapped.scheme = ambiguous.scheme
            and mapped.source_code = ambiguous.source_code
            and mapped.code_year = ambiguous.code_year

),

sectors_by_prefix as (

    -- stated weights hold for ambiguous codes too; an ambiguous code without them has no sector
    select
        scheme,
        source_code,
        code_year,
        case when is_ambiguous and weight = 1 then 'unallocated' else sector_id end as sector_id,
        weight,
        not is_ambiguous and weight = 1 and sector_id <> 'unallocated' as is_unambiguous,
        code_prefix
    from judged

)
{%- endmacro %}
