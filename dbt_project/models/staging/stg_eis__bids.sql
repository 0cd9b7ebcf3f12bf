with

source as (

    select * from {{ source('accepted', 'procurement_eis_bids') }}

),

renamed as (

    select
        snapshot_date,
        lot_id,
        supplier_id,
        supplier_name,
        supplier_country_code,
        bid_at,
        price_rub,
        is_winner
    from source

)

select * from renamed
