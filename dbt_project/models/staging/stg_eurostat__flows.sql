with

source as (

    select * from {{ source('accepted', 'customs_eurostat_flows') }}

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
        value_eur
    from source

)

select * from renamed
