with

source as (

    select * from {{ source('accepted', 'customs_declarations') }}

),

renamed as (

    select
        _load_id,
        _row,
        declaration_id,
        item_number,
        version_number,
        status,
        registered_at,
        cast(registered_at as date) as registered_date,
        reporter_code,
        partner_code,
        flow_code,
        commodity_code,
        value_usd,
        net_weight_kg,
        is_synthetic
    from source

)

select * from renamed
