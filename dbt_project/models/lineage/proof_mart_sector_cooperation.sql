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
        {% for one, other in [('first', 'second'), ('second', 'first')] -%}
            {%- for what, value, name in [
                ('exports', 'value_usd', 'to_' ~ other ~ '_usd'),
                ('awards', 'second_value', 'at_' ~ other ~ '_count'),
                ('awards', 'value_usd', 'at_' ~ other ~ '_value_usd'),
                ('loans', 'value_usd', 'to_' ~ other ~ '_repaid_usd'),
                ('loans', 'second_value', 'to_' ~ other ~ '_interest_usd')
            ] -%}
                max({{ value }}) filter (where what = '{{ what }}' and direction = '{{ one }} to {{ other }}')
                    as {{ what }}_{{ one }}_{{ name }},
            {% endfor -%}
        {%- endfor -%}
        pair_id,
        sector_id,
        period
    from figures
    group by pair_id, sector_id, period

)

select * from cooperation
