-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
with

awards as (

    select
        ocid,
        parties,
        unnest(awards) as award,
        generate_subscripts(awards, 1) as award_number
    from {{ ref('int_ocds_compiled_releases') }}

),

unnested as (

    select
        ocid,
        parties,
        award_number,
        unnest(award.suppliers) as supplier,
        generate_subscripts(award.suppliers, 1) as supplier_number
    from awards

),

referred as (

    select
        *,
        list_filter(parties, lambda party: party.party_id = supplier.party_id)[1] as party
    from unnested

),

-- what stands with the supplier itself (OCDS 1.0), else with the party that it refers to
resolved as (

    select
        ocid,
        award_number,
        supplier_number,
        supplier.party_id,
        nullif(trim(coalesce(supplier.name, supplier.legal_name, party.name, party.legal_name)), '')
            as supplier_name,
        nullif(trim(coalesce(supplier.scheme, party.scheme)), '') as scheme,
        nullif(trim(coalesce(supplier.identifier, party.identifier)), '') as identifier,
        nullif(
            trim(
                coalesce(nullif(trim(supplier.country_text), ''), party.country_text, party.country_code_text)
            ), ''
        ) as country_text
    from referred

),

-- releases may repeat a supplier, once with and once without its identifier: that is one
told_once as (

    select *
    from resolved
    qualify
        row_number() over (
            partition by ocid, award_number, coalesce(upper(supplier_name), party_id), identifier
            order by cast(country_text is null as integer), supplier_number
        ) = 1
        and (
            identifier is not null
            or max(identifier) over (
                partition by ocid, award_number, coalesce(upper(supplier_name), party_id)
            ) is null
        )

),

suppliers_by_award as (

    select
        ocid,
        cast(award_number as integer) as award_number,
        cast(row_number() over (partition by ocid, award_number order by supplier_number) as integer)
            as supplier_number,
        party_id,
        supplier_name,
        scheme,
        identifier,
        country_text
    from told_once

)

select * from suppliers_by_award
