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

joined as (

    select
        bids.snapshot_date,
        bids.lot_id,
        lots.purchase_number,
        bids.supplier_id,
        bids.bid_at,
        bids.is_winner,
        coalesce(purchases.buyer_country_code, 'unknown') as buyer_country_code,
        -- the extract labels undisclosed suppliers with its default country: that is no knowledge
        case
            when regexp_matches(bids.supplier_id, {{ undisclosed_suppliers }}) then 'unknown'
            else coalesce(bids.supplier_country_code, 'unknown')
        end as supplier_country_code,
        strftime(coalesce(purchases.published_at, bids.bid_at), '%Y-%m') as period,
        case when sectors.weight = 1 then sectors.sector_id else 'unallocated' end as sector_id,
        coalesce(sectors.is_unambiguous, false) as is_unambiguous,
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
    left join {{ ref('int_sectors_by_prefix') }} as sectors
        on
            lots.okpd2_code = sectors.source_code
            and cast(extract('year' from lots.snapshot_date) as integer) = sectors.code_year
            and sectors.scheme = 'OKPD2'
            and sectors.weight = 1

),

converted as (

    select
        joined.*,
        cast(cast(joined.value_rub as decimal(24, 2)) * rates.usd_per_unit as decimal(18, 2)) as value_usd,
        rates.rate_source,
        rates.rate_date
    from joined
    left join {{ ref('int_rates_by_period') }} as rates
        on joined.period = rates.period and rates.frequency = 'M' and rates.currency_code = 'RUB'

)

select * from converted
