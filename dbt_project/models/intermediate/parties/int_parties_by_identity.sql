{#
    Country: stated, by code or by a label that is certain, else by the scheme of the identifier, else
    unknown. Identity: scheme and identifier; else the number within its source; else name and
    country, and where exactly one party with an identifier has that name and country, that one; a
    name without a country only within its source. Nothing is matched across countries.
#}
with

parties as (

    select
        party_key,
        source_dataset,
        process_id,
        party_role,
        party_name,
        identifier_scheme,
        country_text,
        country_code,
        nullif(upper(regexp_replace(identifier, '[^0-9A-Za-zА-Яа-я&]+', '', 'g')), '') as identifier,
        nullif({{ name_key('party_name') }}, '') as party_name_key
    from {{ ref('int_parties_by_source') }}

),

schemes as (

    select
        {{ label_key('scheme_text') }} as scheme_key,
        scheme_id,
        country_code as scheme_country_code,
        nullif(pattern, '') as identifier_pattern
    from {{ ref('identifier_schemes') }}

),

told as (

    select
        parties.*,
        schemes.scheme_id,
        schemes.scheme_country_code,
        coalesce(countries.country_code, aliases.country_code) as stated_country_code
    from parties
    left join schemes
        on
            {{ label_key('parties.identifier_scheme') }} = schemes.scheme_key
            and parties.identifier is not null
            and (
                schemes.identifier_pattern is null
                or regexp_full_match(parties.identifier, schemes.identifier_pattern)
            )
    left join {{ ref('dim_countries') }} as countries
        on parties.country_code = countries.country_code and countries.country_kind = 'country'
    left join {{ ref('dim_country_aliases') }} as aliases
        on {{ label_key('parties.country_text') }} = aliases.alias_key

),

placed as (

    select
        *,
        coalesce(stated_country_code, scheme_country_code, 'unknown') as party_country_code,
        case
            when stated_country_code is not null then 'stated'
            when scheme_country_code is not null then 'identifier'
            else 'unknown'
        end as country_rule
    from told

),

numbered as (

    select
        *,
        case
            when scheme_id is not null then scheme_id || ':' || identifier
            when identifier is not null
                then
                    source_dataset || ':' || coalesce({{ label_key('identifier_scheme') }}, '')
                    || ':' || party_country_code || ':' || identifier
        end as numbered_id
    from placed

),

-- names that belong to exactly one numbered party of their country
named as (

    select
        party_name_key,
        party_country_code,
        min(numbered_id) as numbered_id
    from numbered
    where scheme_id is not null and party_name_key is not null and party_country_code <> 'unknown'
    group by party_name_key, party_country_code
    having count(distinct numbered_id) = 1

),

identified as (

    select
        parties.*,
        named.numbered_id as named_id
    from numbered as parties
    left join named
        on
            parties.numbered_id is null
            and parties.party_name_key = named.party_name_key
            and parties.party_country_code = named.party_country_code

),

by_identity as (

    select
        party_key,
        source_dataset,
        process_id,
        party_role,
        party_name,
        party_name_key,
        scheme_id,
        identifier,
        party_country_code,
        country_rule,
        coalesce(stated_country_code <> scheme_country_code, false) as is_country_contradicted,
        case
            when numbered_id is not null then numbered_id
            when named_id is not null then named_id
            when party_name_key is not null and party_country_code <> 'unknown'
                then 'name:' || party_country_code || ':' || party_name_key
            when party_name_key is not null then 'name:' || source_dataset || ':' || party_name_key
            else 'occurrence:' || party_key
        end as party_id,
        case
            when scheme_id is not null then 'scheme and identifier'
            when numbered_id is not null then 'identifier within its source'
            when named_id is not null then 'name and country, to the one party with an identifier'
            when party_name_key is not null and party_country_code <> 'unknown' then 'name and country'
            when party_name_key is not null then 'name within its source'
            else 'none'
        end as match_rule
    from identified

)

select * from by_identity
