with

datasets as (

    select distinct
        source_datasets,
        unnest(string_split(source_datasets, ', ')) as source_dataset
    from {{ ref('int_awards_by_sector') }}

),

refused as (

    select
        datasets.source_datasets,
        cast(sum(refused.refused_row_count) as bigint) as refused_row_count
    from datasets
    inner join {{ ref('int_refused_rows_by_slice') }} as refused
        on datasets.source_dataset = refused.source_dataset and refused.told_by = 'dataset'
    group by datasets.source_datasets

),

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
        coalesce(refused.refused_row_count, 0) as refused_row_count,
        awards.source_datasets
    from {{ ref('int_awards_by_sector') }} as awards
    left join {{ ref('int_restricted_share_by_sector') }} as restrictions
        on
            awards.buyer_country_code = restrictions.buyer_country_code
            and awards.sector_id = restrictions.sector_id
            and awards.period = restrictions.period
    left join refused on awards.source_datasets = refused.source_datasets

)

select * from procurement
