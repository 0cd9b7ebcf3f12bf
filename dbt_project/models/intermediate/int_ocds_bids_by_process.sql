-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
with

bids as (

    select
        ocid,
        parties,
        unnest(bids) as bid,
        generate_subscripts(bids, 1) as bid_number
    from {{ ref('int_ocds_compiled_releases') }}

),

-- a bid without tenderers stays
unnested as (

    select
        ocid,
        parties,
        bid,
        bid_number,
        unnest(case when len(bid.tenderers) > 0 then bid.tenderers else [null] end) as tenderer,
        unnest(range(1, greatest(coalesce(len(bid.tenderers), 0), 1) + 1)) as tenderer_number
    from bids

),

referred as (

    select
        *,
        list_filter(parties, lambda party: party.party_id = tenderer.party_id)[1] as party
    from unnested

),

bids_by_process as (

    select
        ocid,
        cast(bid_number as integer) as bid_number,
        cast(tenderer_number as integer) as tenderer_number,
        bid.bid_id,
        bid.bid_at,
        bid.status as bid_status,
        bid.value_amount as bid_value_amount,
        {{ currency_code('bid.value_currency') }} as bid_value_currency,
        tenderer.party_id,
        coalesce(tenderer.name, tenderer.legal_name, party.name, party.legal_name) as tenderer_name,
        coalesce(tenderer.scheme, party.scheme) as scheme,
        coalesce(tenderer.identifier, party.identifier) as identifier,
        coalesce(nullif(trim(tenderer.country_text), ''), party.country_text, party.country_code_text)
            as country_text,
        bid.lot_ids
    from referred

)

select * from bids_by_process
