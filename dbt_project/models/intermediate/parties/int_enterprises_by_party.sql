with

enterprises as (

    select
        enterprise_id,
        country_code,
        nullif(tax_id, '') as tax_id,
        unnest(string_split(concat_ws('|', name_en, name_ru, name_be, aliases), '|')) as alias_text
    from {{ ref('enterprises') }}

),

aliases as (

    select distinct
        enterprise_id,
        country_code,
        tax_id,
        {{ name_key('alias_text') }} as alias_key
    from enterprises

),

parties as (

    select distinct
        party_id,
        party_name_key,
        identifier,
        party_country_code
    from {{ ref('int_parties_by_identity') }}

),

-- a name is enough only in the enterprise's own country: others bear it elsewhere
matches as (

    select
        parties.party_id,
        aliases.enterprise_id,
        coalesce(aliases.tax_id = parties.identifier, false) as is_by_tax_id
    from parties
    inner join aliases
        on
            parties.party_country_code = aliases.country_code
            and (parties.identifier = aliases.tax_id or parties.party_name_key = aliases.alias_key)

),

by_party as (

    select
        party_id,
        enterprise_id,
        case when bool_or(is_by_tax_id) then 'tax id' else 'alias and country' end as match_rule
    from matches
    group by party_id, enterprise_id

)

select * from by_party
