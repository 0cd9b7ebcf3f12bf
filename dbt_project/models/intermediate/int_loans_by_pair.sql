with

loans_by_pair as (

    select
        directions.pair_id,
        directions.direction,
        loans.sector_id,
        loans.period,
        cast(sum(loans.repaid_usd) as decimal(20, 2)) as repaid_usd,
        cast(sum(loans.interest_usd) as decimal(20, 2)) as interest_usd,
        case when bool_or(loans.is_projection) then 'projection' else 'published' end as coverage,
        cast(0 as decimal(9, 6)) as crosswalk_mass
    from {{ ref('int_directions_by_pair') }} as directions
    inner join {{ ref('fct_loan_flows') }} as loans
        on
            directions.from_country_code = loans.lender_code
            and directions.to_country_code = loans.borrower_code
    where loans.frequency = 'A'
    group by directions.pair_id, directions.direction, loans.sector_id, loans.period

)

select * from loans_by_pair
