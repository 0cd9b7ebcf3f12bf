with

source as (

    select * from {{ source('accepted', 'customs_comext_flows') }}

),

renamed as (

    select
        _load_id,
        _row,
        reporter_code,
        partner_code,
        trade_type_code,
        classification_code,
        commodity_code,
        cast(commodity_level as integer) as commodity_level,
        flow_code,
        stat_procedure_code,
        frequency,
        period,
        value_eur,
        nullif(quantity_kg, 0) as net_weight_kg
    from source

)

select * from renamed
