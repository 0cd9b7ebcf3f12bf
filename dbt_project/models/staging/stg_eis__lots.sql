with

source as (

    select * from {{ source('accepted', 'procurement_eis_lots') }}

),

renamed as (

    select
        snapshot_date,
        lot_id,
        purchase_number,
        ceiling_price_rub,
        okpd2_code,
        cast(bid_count as integer) as bid_count
    from source

)

select * from renamed
