with

source as (

    select * from {{ source('accepted', 'procurement_eis_purchases') }}

),

renamed as (

    select
        snapshot_date,
        purchase_number,
        buyer_id,
        buyer_name,
        buyer_country_code,
        published_at,
        method_name,
        cast(lot_count as integer) as lot_count
    from source

)

select * from renamed
