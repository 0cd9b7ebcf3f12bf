with

bids as (

    select * from {{ ref('int_bids_by_ted') }}

),

notices as (

    select * from {{ ref('stg_ted__notices') }}
    qualify row_number() over (partition by notice_id order by notice_version desc) = 1

),

organisations as (

    select
        notice_id,
        unnest(organisations) as organisation
    from notices

),

parties as (

    select
        notice_id,
        unnest(tendering_parties) as party
    from notices

),

tenderers as (

    select
        notice_id,
        party['tendering_party_id'] as tendering_party_id,
        unnest(party['tenderers']) as tenderer
    from parties

),

joined as (

    select
        bids.source_system,
        bids.notice_id || '/' || bids.bid_id as bid_key,
        bids.is_winner,
        tenderers.tenderer['organisation_id'] as organisation_id,
        organisations.organisation['country_code_3'] as country_text,
        organisations.organisation['company_number'] as identifier,
        organisations.organisation['organisation_name'] as supplier_name,
        coalesce(organisations.organisation['is_natural_person'], false) as is_person
    from bids
    inner join tenderers
        on bids.notice_id = tenderers.notice_id and bids.tendering_party_id = tenderers.tendering_party_id
    left join organisations
        on
            tenderers.notice_id = organisations.notice_id
            and tenderers.tenderer['organisation_id'] = organisations.organisation['organisation_id']

),

suppliers as (

    select
        joined.source_system,
        joined.bid_key,
        joined.organisation_id,
        joined.is_winner,
        -- a notice does not say by which register its numbers are
        cast(null as varchar) as scheme,
        joined.identifier,
        joined.supplier_name,
        joined.is_person,
        joined.country_text,
        countries.country_code
    from joined
    left join {{ ref('dim_countries') }} as countries on joined.country_text = countries.country_code
    qualify
        row_number() over (
            partition by joined.bid_key, joined.organisation_id order by joined.supplier_name nulls last
        ) = 1

)

select * from suppliers
