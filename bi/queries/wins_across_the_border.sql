-- Who bids and wins in another country, and how often is the value told?
select
    supplier_country_name,
    buyer_country_name,
    sector_name,
    sum(bid_count) as bids,
    sum(award_count) as awards,
    sum(award_count_with_value) as awards_with_value
from marts.view_procurement
where is_across_border
group by supplier_country_name, buyer_country_name, sector_name
order by awards desc, bids desc;
