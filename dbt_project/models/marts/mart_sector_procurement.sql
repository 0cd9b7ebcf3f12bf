with

procurement as (

    select
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        frequency,
        award_count,
        award_count_with_value,
        award_value_rub,
        award_value_usd,
        case when award_value_usd is not null then rate_source end as rate_source,
        case when award_value_usd is not null then rate_date end as rate_date,
        bid_count,
        cast(null as decimal(9, 6)) as restricted_share,
        'not known: rules of access are not loaded in this release' as restricted_share_note,
        cast({{ divide_exact('unambiguous_bid_count', 'bid_count', 6) }} as decimal(9, 6))
            as crosswalk_mass,
        'procurement_eis_bids' as source_dataset
    from {{ ref('int_awards_by_sector') }}

)

select * from procurement
