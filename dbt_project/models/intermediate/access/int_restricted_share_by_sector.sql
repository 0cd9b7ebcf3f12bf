with

counted as (

    select
        buyer_country_code,
        sector_id,
        period,
        cast(count(*) as integer) as lot_count,
        cast(count(*) filter (where access_kind in ('ban', 'restriction', 'open')) as integer)
            as known_lot_count,
        cast(count(*) filter (where access_kind in ('ban', 'restriction')) as integer)
            as restricted_lot_count,
        cast(count(*) filter (where access_kind = 'ban') as integer) as banned_lot_count,
        cast(count(*) filter (where access_kind = 'possible') as integer) as possible_lot_count,
        string_agg(distinct exempt_group_id, ', ' order by exempt_group_id)
        filter (where access_kind in ('ban', 'restriction')) as exempt_group_ids
    from {{ ref('int_restricted_purchases') }}
    where period is not null
    group by buyer_country_code, sector_id, period

),

shares as (

    select
        *,
        cast({{ divide_exact('restricted_lot_count', 'known_lot_count', 6) }} as decimal(9, 6))
            as restricted_share
    from counted

)

select * from shares
