{{ config(materialized='view') }}

{# A supplier may be a natural person: only numbers and names that are surely of organisations are shown. #}
with

suppliers as (

    select distinct party_id
    from {{ ref('int_parties_by_identity') }}
    where party_role = 'supplier'

),

-- a party that two enterprises could be is neither
enterprises as (

    select
        party_id,
        min(enterprise_id) as enterprise_id
    from {{ ref('int_enterprises_by_party') }}
    group by party_id
    having count(*) = 1

),

judged as (

    select
        suppliers.party_id,
        enterprises.enterprise_id,
        enterprises.enterprise_id is not null
        or regexp_full_match(suppliers.party_id, 'RU-INN:[0-9]{10}|BY-UNP:[0-9]{9}') as is_organisation
    from suppliers
    left join enterprises on suppliers.party_id = enterprises.party_id

),

suppliers_by_party as (

    select
        party_id,
        case
            when is_organisation then party_id
            else split_part(party_id, ':', 1) || ':' || md5(party_id)
        end as shown_id,
        enterprise_id,
        is_organisation
    from judged

)

select * from suppliers_by_party
