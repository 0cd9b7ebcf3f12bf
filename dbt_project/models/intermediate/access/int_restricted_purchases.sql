{#
    Access of foreign goods to a lot: ban before restriction before possible (the rule is narrower than
    its code, or the code ends above the rule) before open; unknown where no regime of the buyer's
    country is loaded for the day, or the lot has no code. An unknown lot is never counted as open.
#}
with

lots as (

    select * from {{ ref('stg_eis__lots') }}

),

latest as (

    select max(snapshot_date) as snapshot_date
    from lots

),

purchases as (

    select * from {{ ref('stg_eis__purchases') }}

),

published as (

    select
        'procurement_eis_lots' as source_dataset,
        lots.lot_id,
        lots.okpd2_code,
        lots.ceiling_price_rub,
        coalesce(purchases.buyer_country_code, 'unknown') as buyer_country_code,
        cast(purchases.published_at as date) as published_date,
        -- a code is read as it was valid when the lot was published, as in the awards beside it
        cast(extract('year' from coalesce(purchases.published_at, lots.snapshot_date)) as integer)
            as code_year
    from lots
    inner join latest on lots.snapshot_date = latest.snapshot_date
    left join purchases
        on
            lots.snapshot_date = purchases.snapshot_date
            and lots.purchase_number = purchases.purchase_number

),

-- also of lots without a bid, which no other model knows
lot_codes as (

    select distinct
        'OKPD2' as scheme,
        okpd2_code as source_code,
        code_year
    from published
    where okpd2_code is not null

),

{{ sectors_by_prefix('lot_codes') }},

dated as (

    select
        published.*,
        coalesce(sectors.sector_id, 'unallocated') as sector_id
    from published
    left join sectors_by_prefix as sectors
        on
            published.okpd2_code = sectors.source_code
            and published.code_year = sectors.code_year
            and sectors.weight = 1

),

regimes as (

    select
        buyer_country_code,
        cast(valid_from as date) as valid_from_date,
        cast(nullif(valid_to, '') as date) as valid_to_date
    from {{ ref('access_regimes') }}

),

ruled as (

    select
        dated.lot_id,
        bool_or(rules.restriction_kind = 'ban' and not rules.is_narrower and not rules.is_above) as is_banned,
        bool_or(rules.restriction_kind = 'restriction' and not rules.is_narrower and not rules.is_above)
            as is_restricted,
        bool_or(rules.is_narrower or rules.is_above) as is_possible,
        min(rules.exempt_group_id) as exempt_group_id
    from dated
    inner join {{ ref('int_access_rules_by_code') }} as rules
        on
            dated.okpd2_code = rules.source_code
            and dated.buyer_country_code = rules.buyer_country_code
            and dated.published_date >= rules.valid_from_date
            and dated.published_date <= coalesce(rules.valid_to_date, date '9999-12-31')
    group by dated.lot_id

),

restricted as (

    select
        dated.source_dataset,
        dated.lot_id,
        dated.buyer_country_code,
        dated.sector_id,
        strftime(dated.published_date, '%Y-%m') as period,
        dated.okpd2_code,
        dated.ceiling_price_rub,
        case
            when regimes.buyer_country_code is null or dated.okpd2_code is null then 'unknown'
            when ruled.is_banned then 'ban'
            when ruled.is_restricted then 'restriction'
            when ruled.is_possible then 'possible'
            else 'open'
        end as access_kind,
        case when regimes.buyer_country_code is not null then ruled.exempt_group_id end as exempt_group_id
    from dated
    left join regimes
        on
            dated.buyer_country_code = regimes.buyer_country_code
            and dated.published_date >= regimes.valid_from_date
            and dated.published_date <= coalesce(regimes.valid_to_date, date '9999-12-31')
    left join ruled on dated.lot_id = ruled.lot_id

)

select * from restricted
