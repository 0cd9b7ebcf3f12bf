-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
with

processes as (

    select
        *,
        case
            when buyer_id is not null then list_filter(parties, lambda party: party.party_id = buyer_id)[1]
            when buyer_name is null
                then list_filter(parties, lambda party: list_contains(party.roles, 'buyer'))[1]
        end as buyer_party,
        case
            when procuring_entity_id is not null
                then list_filter(parties, lambda party: party.party_id = procuring_entity_id)[1]
            when procuring_entity_name is null
                then list_filter(parties, lambda party: list_contains(party.roles, 'procuringEntity'))[1]
        end as entity_party
    from {{ ref('int_ocds_compiled_releases') }}

),

-- what stands with the organisation itself (OCDS 1.0), else with the party that it refers to
resolved as (

    select
        *,
        coalesce(
            buyer_name, buyer_legal_name, buyer_party.name, buyer_party.legal_name, buyer_id,
            buyer_party.party_id
        ) as told_buyer_name,
        coalesce(
            procuring_entity_name, procuring_entity_legal_name, entity_party.name, entity_party.legal_name
        ) as entity_name,
        coalesce(
            nullif(trim(buyer_country_text), ''), buyer_party.country_text, buyer_party.country_code_text
        ) as told_buyer_country,
        coalesce(
            nullif(trim(procuring_entity_country_text), ''),
            entity_party.country_text,
            entity_party.country_code_text
        ) as entity_country
    from processes

),

tenders_by_process as (

    select
        ocid,
        publisher_name,
        published_at,
        cast(release_count as integer) as release_count,
        tender_id,
        tender_title,
        tender_status,
        tender_method,
        tender_method_details,
        tender_category,
        tender_classification_scheme,
        tender_classification_code,
        tender_value_amount,
        tender_value_currency,
        tender_min_value_amount,
        tender_min_value_currency,
        tender_start_at,
        tender_end_at,
        cast(tenderer_count as integer) as tenderer_count,
        cast(len(tenderers) as integer) as tenderers_told,
        -- the buyer; where none is told, who runs the tender
        coalesce(told_buyer_name, entity_name) as buyer_name,
        case
            when told_buyer_name is not null then coalesce(buyer_scheme, buyer_party.scheme)
            else coalesce(procuring_entity_scheme, entity_party.scheme)
        end as buyer_scheme,
        case
            when told_buyer_name is not null then coalesce(buyer_identifier, buyer_party.identifier)
            else coalesce(procuring_entity_identifier, entity_party.identifier)
        end as buyer_identifier,
        coalesce(told_buyer_country, entity_country) as buyer_country_text
    from resolved

)

select * from tenders_by_process
