with

procurement as (

    select
        awards.buyer_country_code,
        awards.supplier_country_code,
        awards.sector_id,
        awards.period,
        awards.frequency,
        awards.award_count,
        awards.award_count_with_value,
        awards.award_value_rub,
        awards.award_value_usd,
        case when awards.award_value_usd is not null then awards.rate_source end as rate_source,
        case when awards.award_value_usd is not null then awards.rate_date end as rate_date,
        awards.bid_count,
        restrictions.restricted_share,
        case
            when restrictions.restricted_share is null
                then 'not known: no rules of access are loaded for this period'
            when restrictions.restricted_lot_count = 0 then 'no restricted lot'
            else
                restrictions.restricted_lot_count || ' of ' || restrictions.known_lot_count
                || ' lots; goods of these groups are treated as domestic: '
                || coalesce(restrictions.exempt_group_ids, 'none')
        end as restricted_share_note,
        cast({{ divide_exact('awards.unambiguous_bid_count', 'awards.bid_count', 6) }} as decimal(9, 6))
            as crosswalk_mass,
        'procurement_eis_bids' as source_dataset
    from {{ ref('int_awards_by_sector') }} as awards
    left join {{ ref('int_restricted_share_by_sector') }} as restrictions
        on
            awards.buyer_country_code = restrictions.buyer_country_code
            and awards.sector_id = restrictions.sector_id
            and awards.period = restrictions.period

)

select * from procurement
