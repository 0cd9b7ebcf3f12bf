with

loans_by_pair as (

    select
        directions.pair_id,
        directions.direction,
        'unallocated' as sector_id,
        loans.period,
        loans.repaid_usd,
        loans.interest_usd,
        case when loans.is_projection then 'projection' else 'published' end as coverage,
        cast(0 as decimal(9, 6)) as crosswalk_mass
    from {{ ref('int_directions_by_pair') }} as directions
    inner join {{ ref('int_loans_by_instrument') }} as loans
        on
            directions.from_country_code = loans.lender_code
            and directions.to_country_code = loans.borrower_code
    where loans.frequency = 'A'

)

select * from loans_by_pair
