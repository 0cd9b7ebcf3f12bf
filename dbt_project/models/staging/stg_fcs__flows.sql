with

source as (

    select * from {{ source('accepted', 'customs_fcs_flows') }}

),

renamed as (

    select
        _load_id,
        _row,
        reporter_code,
        partner_code,
        classification_code,
        commodity_code,
        flow_code,
        frequency,
        period,
        region_code,
        region_name,
        unit_code,
        value_usd,
        -- confidential rows hold impossible weights and quantities
        case when not starts_with(commodity_code, 'X') then nullif(net_weight_kg, 0) end as net_weight_kg,
        case when not starts_with(commodity_code, 'X') then nullif(quantity, 0) end as quantity
    from source

)

select * from renamed
