{#
    The common input of party matching: suppliers and buyers of bids and awards, each as its source
    tells of it and nothing more.
#}
with

parties as (

    select distinct
        source_dataset,
        process_id,
        'supplier' as party_role,
        party_name,
        identifier_scheme,
        identifier,
        country_text,
        country_code
    from {{ ref('int_bids_by_source') }}

    union

    select distinct
        source_dataset,
        process_id,
        'supplier' as party_role,
        party_name,
        identifier_scheme,
        identifier,
        country_text,
        country_code
    from {{ ref('int_awards_by_source') }}

    union

    select distinct
        source_dataset,
        process_id,
        'buyer' as party_role,
        buyer_name as party_name,
        buyer_scheme as identifier_scheme,
        buyer_identifier as identifier,
        buyer_country_text as country_text,
        buyer_country_code as country_code
    from {{ ref('int_bids_by_source') }}

    union

    select distinct
        source_dataset,
        process_id,
        'buyer' as party_role,
        buyer_name as party_name,
        buyer_scheme as identifier_scheme,
        buyer_identifier as identifier,
        buyer_country_text as country_text,
        buyer_country_code as country_code
    from {{ ref('int_awards_by_source') }}

),

keyed as (

    select
        {{ party_key('parties') }} as party_key,
        parties.*
    from parties

)

select * from keyed
