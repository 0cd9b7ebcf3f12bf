-- Sectors at the top, summed through dim_sector_leaves, are all that a mart holds: no leaf is beneath
-- two of them or beneath none.
with

at_the_top as (

    select
        trade.reporter_code,
        trade.flow_code,
        trade.frequency,
        trade.period,
        sum(trade.value_original) as value_original
    from {{ ref('mart_sector_trade') }} as trade
    inner join {{ ref('dim_sector_leaves') }} as leaves
        on trade.sector_id = leaves.leaf_sector_id and leaves.is_top
    where {{ touched('trade.period') }}
    group by trade.reporter_code, trade.flow_code, trade.frequency, trade.period

),

whole as (

    select
        reporter_code,
        flow_code,
        frequency,
        period,
        sum(value_original) as value_original
    from {{ ref('mart_sector_trade') }}
    where {{ touched('period') }}
    group by reporter_code, flow_code, frequency, period

)

select
    whole.reporter_code,
    whole.flow_code,
    whole.frequency,
    whole.period
from whole
left join at_the_top using (reporter_code, flow_code, frequency, period)
where whole.value_original is distinct from at_the_top.value_original

union all

-- a parent without a leaf would be a sum of nothing
select
    parents.sector_id as reporter_code,
    null as flow_code,
    null as frequency,
    null as period
from {{ ref('dim_sectors') }} as parents
left join {{ ref('dim_sector_leaves') }} as leaves on parents.sector_id = leaves.sector_id
where leaves.sector_id is null
