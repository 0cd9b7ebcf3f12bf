with

counted as (

    select
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        award_part,
        case when value_original is not null then award_part end as part_with_value,
        case when value_usd is not null then award_part end as part_in_usd,
        value_usd,
        0 as bid_part,
        award_part as mapped_part,
        unambiguous_part,
        source_dataset
    from {{ ref('int_awards_by_party') }}

    union all

    select
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        0 as award_part,
        null as part_with_value,
        null as part_in_usd,
        null as value_usd,
        bid_part,
        bid_part as mapped_part,
        unambiguous_part,
        source_dataset
    from {{ ref('int_bids_by_party') }}

),

awards_by_sector as (

    select
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        cast(sum(award_part) as decimal(18, 6)) as award_count,
        cast(coalesce(sum(part_with_value), 0) as decimal(18, 6)) as award_count_with_value,
        cast(coalesce(sum(part_in_usd), 0) as decimal(18, 6)) as award_count_in_usd,
        cast(sum(value_usd) as decimal(18, 2)) as award_value_usd,
        cast(sum(bid_part) as decimal(18, 6)) as bid_count,
        cast(sum(unambiguous_part) / nullif(sum(mapped_part), 0) as decimal(9, 6)) as crosswalk_mass,
        string_agg(distinct source_dataset, ', ' order by source_dataset) as source_datasets
    from counted
    group by buyer_country_code, supplier_country_code, sector_id, period

)

select * from awards_by_sector
