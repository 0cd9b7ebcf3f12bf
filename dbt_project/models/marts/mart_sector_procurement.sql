with

procurement as (

    select
        awards.buyer_country_code,
        awards.supplier_country_code,
        awards.sector_id,
        awards.period,
        'M' as frequency,
        awards.award_count,
        awards.award_count_with_value,
        awards.award_count_in_usd,
        awards.award_value_usd,
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
        awards.crosswalk_mass,
        awards.source_datasets
    from {{ ref('int_awards_by_sector') }} as awards
    left join {{ ref('int_restricted_share_by_sector') }} as restrictions
        on
            awards.buyer_country_code = restrictions.buyer_country_code
            and awards.sector_id = restrictions.sector_id
            and awards.period = restrictions.period

)

select * from procurement
