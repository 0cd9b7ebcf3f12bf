{{ config(materialized='view') }}

{# A record counts once for a pair, sector and year, however many of its figures come from it. #}
with

directions as (

    select * from {{ ref('int_directions_by_pair') }}

),

exports as (

    select
        directions.pair_id,
        sides.sector_id,
        sides.period,
        sides.source_dataset,
        'year' as told_by,
        sides.period as slice_key
    from {{ ref('int_trade_sides_by_year') }} as sides
    inner join directions
        on
            sides.exporter_code = directions.from_country_code
            and sides.importer_code = directions.to_country_code
    where sides.is_best_side

),

-- of whole datasets, since a refused row may have been of any buyer
awards as (

    select
        directions.pair_id,
        awards.sector_id,
        left(awards.period, 4) as period,
        unnest(string_split(awards.source_datasets, ', ')) as source_dataset,
        'dataset' as told_by,
        cast(null as varchar) as slice_key
    from {{ ref('int_awards_by_sector') }} as awards
    inner join directions on awards.buyer_country_code = directions.to_country_code

),

loans as (

    select
        directions.pair_id,
        loans.sector_id,
        loans.period,
        loans.source_dataset,
        case when loans.source_dataset = 'loans_ids_flows' then 'pair' else 'dataset' end as told_by,
        case
            when loans.source_dataset = 'loans_ids_flows'
                then loans.lender_code || '-' || loans.borrower_code
        end as slice_key
    from {{ ref('fct_loan_flows') }} as loans
    inner join directions
        on
            loans.lender_code = directions.from_country_code
            and loans.borrower_code = directions.to_country_code
    where loans.frequency = 'A'

),

records as (

    select * from exports
    union
    select * from awards
    union
    select * from loans

),

refused_rows_by_pair as (

    select
        records.pair_id,
        records.sector_id,
        records.period,
        cast(sum(refused.refused_row_count) as bigint) as refused_row_count
    from records
    inner join {{ ref('int_refused_rows_by_slice') }} as refused
        on
            records.source_dataset = refused.source_dataset
            and records.told_by = refused.told_by
            and records.slice_key is not distinct from refused.slice_key
    group by records.pair_id, records.sector_id, records.period

)

select * from refused_rows_by_pair
