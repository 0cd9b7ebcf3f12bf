with

parties as (

    select
        party_id,
        party_country_code as supplier_country_code,
        mode(party_name) as party_name,
        min(match_rule) as match_rule
    from {{ ref('int_parties_by_identity') }}
    where party_role = 'supplier'
    group by party_id, party_country_code

),

-- a tenderer counts once in a process, however many lots and stages it bids in
bids as (

    select
        supplier_id,
        supplier_country_code,
        buyer_country_code,
        sector_id,
        period,
        source_dataset,
        process_id,
        max(bid_part) as bid_part,
        max(unambiguous_part) as unambiguous_part
    from {{ ref('int_bids_by_party') }}
    where is_valid and supplier_id <> 'unknown'
    group by
        supplier_id, supplier_country_code, buyer_country_code, sector_id, period, source_dataset, process_id

),

wins as (

    select
        supplier_id,
        supplier_country_code,
        buyer_country_code,
        sector_id,
        period,
        source_dataset,
        process_id,
        max(award_part) as win_part,
        sum(award_part) as award_count,
        sum(unambiguous_part) as unambiguous_part,
        sum(value_usd) as value_usd,
        sum(award_part) filter (where method_kind in ('open', 'selective') and bidder_count is not null)
            as compared_part,
        sum(award_part) filter (where method_kind in ('open', 'selective') and bidder_count = 1)
            as single_bid_part
    from {{ ref('int_awards_by_party') }}
    where supplier_id <> 'unknown'
    group by
        supplier_id, supplier_country_code, buyer_country_code, sector_id, period, source_dataset, process_id

),

facts as (

    select
        supplier_id,
        supplier_country_code,
        buyer_country_code,
        sector_id,
        period,
        bid_part,
        0 as win_part,
        0 as award_count,
        null as value_usd,
        null as compared_part,
        null as single_bid_part,
        bid_part as mapped_part,
        unambiguous_part,
        source_dataset
    from bids

    union all

    select
        supplier_id,
        supplier_country_code,
        buyer_country_code,
        sector_id,
        period,
        0 as bid_part,
        win_part,
        award_count,
        value_usd,
        compared_part,
        single_bid_part,
        award_count as mapped_part,
        unambiguous_part,
        source_dataset
    from wins

),

summed as (

    select
        supplier_id,
        supplier_country_code,
        buyer_country_code,
        sector_id,
        period,
        sum(bid_part) as bid_count,
        sum(win_part) as win_count,
        sum(award_count) as award_count,
        sum(value_usd) as award_value_usd,
        sum(single_bid_part) as single_bid_part,
        sum(compared_part) as compared_part,
        sum(mapped_part) as mapped_part,
        sum(unambiguous_part) as unambiguous_part,
        string_agg(distinct source_dataset, ', ' order by source_dataset) as source_datasets
    from facts
    group by supplier_id, supplier_country_code, buyer_country_code, sector_id, period

),

datasets as (

    select distinct
        source_datasets,
        unnest(string_split(source_datasets, ', ')) as source_dataset
    from summed

),

-- of whole datasets, since a refused row may have been of any supplier
refused as (

    select
        datasets.source_datasets,
        cast(sum(slices.refused_row_count) as bigint) as refused_row_count
    from datasets
    inner join {{ ref('int_refused_rows_by_slice') }} as slices
        on datasets.source_dataset = slices.source_dataset and slices.told_by = 'dataset'
    group by datasets.source_datasets

),

participation as (

    select
        suppliers.shown_id as supplier_id,
        summed.supplier_country_code,
        case when suppliers.is_organisation then parties.party_name end as organisation_name,
        suppliers.enterprise_id,
        parties.match_rule,
        summed.buyer_country_code,
        summed.sector_id,
        summed.period,
        'M' as frequency,
        cast(summed.bid_count as decimal(18, 6)) as bid_count,
        cast(summed.win_count as decimal(18, 6)) as win_count,
        cast(summed.award_count as decimal(18, 6)) as award_count,
        cast(summed.award_value_usd as decimal(18, 2)) as award_value_usd,
        cast(coalesce(summed.single_bid_part, 0) / nullif(summed.compared_part, 0) as decimal(9, 6))
            as single_bid_share,
        cast(summed.unambiguous_part / nullif(summed.mapped_part, 0) as decimal(9, 6)) as crosswalk_mass,
        coalesce(refused.refused_row_count, 0) as refused_row_count,
        summed.source_datasets
    from summed
    inner join {{ ref('int_suppliers_by_party') }} as suppliers on summed.supplier_id = suppliers.party_id
    inner join parties
        on
            summed.supplier_id = parties.party_id
            and summed.supplier_country_code = parties.supplier_country_code
    left join refused on summed.source_datasets = refused.source_datasets

)

select * from participation
