with

source as (

    select * from {{ source('accepted', 'customs_imf_totals') }}

),

renamed as (

    select
        _load_id,
        _row,
        reporter_code,
        partner_code,
        flow_code,
        valuation_code,
        frequency,
        period,
        cast(value_usd_millions * 1000000 as decimal(18, 2)) as value_usd
    from source

)

select * from renamed
