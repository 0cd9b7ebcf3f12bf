with

source as (

    select * from {{ source('accepted', 'customs_comtrade_flows') }}

),

renamed as (

    select
        _load_id,
        _row,
        reporter_code,
        partner_code,
        coalesce(second_partner_code, '0') as second_partner_code,
        classification_code,
        commodity_code,
        cast(commodity_level as integer) as commodity_level,
        flow_code,
        frequency,
        period,
        coalesce(transport_code, '0') as transport_code,
        coalesce(customs_code, 'C00') as customs_code,
        coalesce(supply_mode_code, '0') as supply_mode_code,
        value_usd,
        cif_value_usd,
        fob_value_usd,
        nullif(net_weight_kg, 0) as net_weight_kg
    from source

)

select * from renamed
