with

source as (

    select * from {{ source('accepted', 'customs_baci_flows') }}

),

renamed as (

    select
        _load_id,
        _row,
        exporter_code,
        importer_code,
        record_kind,
        valuation_code,
        classification_code,
        publisher_version,
        commodity_code,
        frequency,
        period,
        cast(value_usd_thousands * 1000 as decimal(20, 3)) as value_usd,
        cast(nullif(quantity_tonnes, 0) * 1000 as decimal(20, 3)) as net_weight_kg
    from source

)

select * from renamed
