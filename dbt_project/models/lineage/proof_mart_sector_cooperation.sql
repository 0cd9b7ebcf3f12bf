{{ config(tags=['explains_cooperation']) }}

with

exports as (

    select
        directions.pair_id,
        directions.direction,
        proof.sector_id,
        proof.period,
        'exports' as what,
        proof.best_value_usd as value_usd,
        cast(null as decimal(20, 2)) as second_value
    from {{ ref('proof_mart_trade_mirror') }} as proof
    inner join {{ ref('int_directions_by_pair') }} as directions
        on
            proof.exporter_code = directions.from_country_code
            and proof.importer_code = directions.to_country_code

),

awards as (

    select
        directions.pair_id,
        directions.direction,
        proof.sector_id,
        left(proof.period, 4) as period,
        'awards' as what,
        cast(sum(proof.award_value_usd) as decimal(18, 2)) as value_usd,
        cast(sum(proof.award_count) as decimal(18, 6)) as second_value
    from {{ ref('proof_mart_sector_procurement') }} as proof
    inner join {{ ref('int_directions_by_pair') }} as directions
        on
            proof.supplier_country_code = directions.from_country_code
            and proof.buyer_country_code = directions.to_country_code
    group by directions.pair_id, directions.direction, proof.sector_id, left(proof.period, 4)

),

loans as (

    select
        directions.pair_id,
        directions.direction,
        proof.sector_id,
        proof.period,
        'loans' as what,
        cast(sum(proof.repaid_usd) as decimal(20, 2)) as value_usd,
        cast(sum(proof.interest_usd) as decimal(20, 2)) as second_value
    from {{ ref('proof_fct_loan_flows') }} as proof
    inner join {{ ref('int_directions_by_pair') }} as directions
        on
            proof.lender_code = directions.from_country_code
            and proof.borrower_code = directions.to_country_code
    where proof.frequency = 'A'
    group by directions.pair_id, directions.direction, proof.sector_id, proof.period

),

figures as (

    select * from exports
    union all
    select * from awards
    union all
    select * from loans

),

cooperation as (

    select
        pair_id,
        sector_id,
        period,
        max(value_usd) filter (where what = 'exports' and direction = 'first to second')
            as exports_first_to_second_usd,
        max(second_value) filter (where what = 'awards' and direction = 'first to second')
            as awards_first_at_second_count,
        max(value_usd) filter (where what = 'awards' and direction = 'first to second')
            as awards_first_at_second_value_usd,
        max(value_usd) filter (where what = 'loans' and direction = 'first to second')
            as loans_first_to_second_repaid_usd,
        max(second_value) filter (where what = 'loans' and direction = 'first to second')
            as loans_first_to_second_interest_usd,
        max(value_usd) filter (where what = 'exports' and direction = 'second to first')
            as exports_second_to_first_usd,
        max(second_value) filter (where what = 'awards' and direction = 'second to first')
            as awards_second_at_first_count,
        max(value_usd) filter (where what = 'awards' and direction = 'second to first')
            as awards_second_at_first_value_usd,
        max(value_usd) filter (where what = 'loans' and direction = 'second to first')
            as loans_second_to_first_repaid_usd,
        max(second_value) filter (where what = 'loans' and direction = 'second to first')
            as loans_second_to_first_interest_usd
    from figures
    group by pair_id, sector_id, period

)

select * from cooperation
