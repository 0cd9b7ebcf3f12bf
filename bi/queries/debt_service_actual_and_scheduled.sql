-- What does Belarus pay to whom, in years that have passed and in years to come?
select
    lender_name,
    period,
    payment_kind,
    repaid_usd,
    interest_usd
from marts.view_loans
where borrower_code = 'BLR' and frequency = 'A' and repaid_usd is not null
order by repaid_usd desc
limit 50;
