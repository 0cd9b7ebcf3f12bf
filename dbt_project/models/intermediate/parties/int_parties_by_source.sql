{#
    The common input of party matching: one branch per procurement system. A branch tells what its
    source says and nothing more: no number where it stands for an undisclosed supplier, a scheme only
    where the source defines its numbers.
#}
{% set undisclosed_suppliers = "'^(Empty|NA[0-9]+|0+)$'" %}

with

-- EIS, 223-FZ: a supplier's number is the INN of a Russian (10 or 12 digits), else the number of its country
eis_bids as (

    select distinct
        'procurement_eis_bids' as source_dataset,
        lot_id as process_id,
        'supplier' as party_role,
        case when is_disclosed then supplier_name end as party_name,
        case
            when is_disclosed and not regexp_matches(supplier_id, '^([0-9]{10}|[0-9]{12})$')
                then case when stated_country_code = 'BLR' then 'BY-UNP' end
            when is_disclosed and coalesce(stated_country_code, 'RUS') = 'RUS' then 'RU-INN'
        end as identifier_scheme,
        case when is_disclosed then supplier_id end as identifier,
        cast(null as varchar) as country_text,
        -- the extract labels undisclosed suppliers with its default country: that is no knowledge
        case when is_disclosed then stated_country_code end as country_code
    from (
        select
            lot_id,
            supplier_id,
            supplier_name,
            supplier_country_code as stated_country_code,
            not regexp_matches(supplier_id, {{ undisclosed_suppliers }}) as is_disclosed
        from {{ ref('stg_eis__bids') }}
    ) as bids

),

-- OCDS: the scheme is the publisher's word, taken as it stands; the country is a label or a code
ocds_suppliers as (

    select distinct
        'procurement_ocds_releases' as source_dataset,
        ocid as process_id,
        'supplier' as party_role,
        supplier_name as party_name,
        scheme as identifier_scheme,
        identifier,
        country_text,
        cast(null as varchar) as country_code
    from {{ ref('int_ocds_suppliers_by_award') }}

),

ocds_buyers as (

    select distinct
        'procurement_ocds_releases' as source_dataset,
        ocid as process_id,
        'buyer' as party_role,
        buyer_name as party_name,
        buyer_scheme as identifier_scheme,
        buyer_identifier as identifier,
        buyer_country_text as country_text,
        cast(null as varchar) as country_code
    from {{ ref('int_ocds_tenders_by_process') }}
    where buyer_name is not null or buyer_identifier is not null

),

parties as (

    select * from eis_bids

    union all

    select * from ocds_suppliers

    union all

    select * from ocds_buyers

),

keyed as (

    select
        {{ party_key('parties') }} as party_key,
        parties.*
    from parties

)

select * from keyed
