{{ config(tags=['explains_cooperation']) }}

with

directions as (

    select
        *,
        direction = 'first to second' as is_forth
    from {{ ref('int_directions_by_pair') }}

),

exports as (

    select
        told.source_dataset,
        told.load_id,
        told.row_number,
        told.counted_as,
        told.part,
        directions.pair_id,
        told.sector_id,
        told.period,
        case
            when directions.is_forth then 'exports_first_to_second'
            else 'exports_second_to_first'
        end as figure,
        told.value_original,
        told.currency_code,
        told.usd_per_unit,
        cast(null as double) as award_part,
        cast(null as double) as award_value_usd,
        cast(null as decimal(20, 2)) as repaid,
        cast(null as decimal(20, 2)) as interest
    from {{ ref('lineage_mart_trade_mirror') }} as told
    inner join directions
        on
            told.exporter_code = directions.from_country_code
            and told.importer_code = directions.to_country_code
    where told.is_best_side

),

awards as (

    select
        told.source_dataset,
        told.load_id,
        told.row_number,
        told.counted_as,
        told.part,
        directions.pair_id,
        told.sector_id,
        left(told.period, 4) as period,
        case
            when directions.is_forth then 'awards_first_at_second'
            else 'awards_second_at_first'
        end as figure,
        cast(null as decimal(24, 3)) as value_original,
        cast(null as varchar) as currency_code,
        cast(null as decimal(18, 12)) as usd_per_unit,
        told.award_part,
        cast(told.value_usd as double) as award_value_usd,
        cast(null as decimal(20, 2)) as repaid,
        cast(null as decimal(20, 2)) as interest
    from {{ ref('lineage_mart_sector_procurement') }} as told
    inner join directions
        on
            told.supplier_country_code = directions.from_country_code
            and told.buyer_country_code = directions.to_country_code

),

loans as (

    select
        told.source_dataset,
        told.load_id,
        told.row_number,
        told.counted_as,
        told.part,
        directions.pair_id,
        told.sector_id,
        told.period,
        case
            when directions.is_forth then 'loans_first_to_second'
            else 'loans_second_to_first'
        end as figure,
        cast(null as decimal(24, 3)) as value_original,
        told.currency_code,
        told.usd_per_unit,
        cast(null as double) as award_part,
        cast(null as double) as award_value_usd,
        cast(told.repaid_own as decimal(20, 2)) as repaid,
        cast(told.interest_own as decimal(20, 2)) as interest
    from {{ ref('lineage_fct_loan_flows') }} as told
    inner join directions
        on
            told.lender_code = directions.from_country_code
            and told.borrower_code = directions.to_country_code
    where told.frequency = 'A'

),

cooperation_rows as (

    select * from exports
    union all
    select * from awards
    union all
    select * from loans

)

select * from cooperation_rows
