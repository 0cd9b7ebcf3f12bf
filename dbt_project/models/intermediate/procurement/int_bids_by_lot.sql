{% set undisclosed_suppliers = "'^(Empty|NA[0-9]+|0+)$'" %}

with

bids as (

    select * from {{ ref('stg_eis__bids') }}

),

lots as (

    select * from {{ ref('stg_eis__lots') }}

),

purchases as (

    select * from {{ ref('stg_eis__purchases') }}

),

-- the latest snapshot of which all three parts are there
latest as (

    select max(snapshot_date) as snapshot_date
    from bids
    where
        snapshot_date in (select lots.snapshot_date from lots)
        and snapshot_date in (select purchases.snapshot_date from purchases)

),

bids_by_lot as (

    select
        bids.snapshot_date,
        bids.lot_id,
        lots.purchase_number,
        bids.supplier_id,
        bids.supplier_name,
        -- the extract labels undisclosed suppliers with its default country: that is no knowledge
        not regexp_matches(bids.supplier_id, {{ undisclosed_suppliers }}) as is_disclosed,
        bids.supplier_country_code as stated_country_code,
        bids.bid_at,
        bids.is_winner,
        purchases.buyer_id,
        purchases.buyer_name,
        purchases.buyer_country_code,
        purchases.method_name,
        cast(coalesce(purchases.published_at, bids.bid_at) as date) as published_date,
        lots.okpd2_code,
        -- a few roubles against a ceiling a thousand times as high are a rate per unit, not a value
        case
            when bids.price_rub < 100 and coalesce(lots.ceiling_price_rub >= 1000 * bids.price_rub, true)
                then null
            else bids.price_rub
        end as value_rub
    from bids
    inner join latest on bids.snapshot_date = latest.snapshot_date
    left join lots on bids.snapshot_date = lots.snapshot_date and bids.lot_id = lots.lot_id
    left join purchases
        on
            lots.snapshot_date = purchases.snapshot_date
            and lots.purchase_number = purchases.purchase_number

)

select * from bids_by_lot
