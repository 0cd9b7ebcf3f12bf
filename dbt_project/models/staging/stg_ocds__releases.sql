with

source as (

    select * from {{ source('accepted', 'procurement_ocds_releases') }}

),

renamed as (

    select
        _load_id,
        _unit_id,
        _row,
        ocid,
        release_id,
        published_at,
        tags,
        initiation_type,
        language,
        publisher_name,
        publisher_uri,
        is_compiled,
        deleted_paths,
        buyer_id,
        buyer_name,
        buyer_scheme,
        buyer_identifier,
        buyer_legal_name,
        buyer_country_text,
        procuring_entity_id,
        procuring_entity_name,
        procuring_entity_scheme,
        procuring_entity_identifier,
        procuring_entity_legal_name,
        procuring_entity_country_text,
        parties,
        tender_id,
        tender_title,
        tender_status,
        tender_method,
        tender_method_details,
        tender_category,
        tender_classification_scheme,
        tender_classification_code,
        tender_value_amount,
        {{ currency_code('tender_value_currency') }} as tender_value_currency,
        tender_min_value_amount,
        {{ currency_code('tender_min_value_currency') }} as tender_min_value_currency,
        tender_start_at,
        tender_end_at,
        tenderer_count,
        tenderers,
        tender_lots,
        tender_items,
        bids,
        awards,
        contracts
    from source

)

select * from renamed
