-- Money identity: over all sectors the mart holds what staging holds, to the cent, for each source,
-- period and flow. The tolerance is the rounding of stated weights only, 0 without them.
-- A source with rows in staging that are not in the mart (or the other way round) fails too.
with

countries as (

    select country_code
    from {{ ref('dim_countries') }}
    where country_kind = 'aggregate'

),

mart as (

    select
        source_dataset,
        period,
        flow_code,
        sum(value_original) as mart_value,
        0.005 * count(*) filter (where product_rows > 0 and crosswalk_mass < 1 and sector_id <> 'unallocated')
            as tolerance
    from {{ ref('mart_sector_trade') }}
    group by source_dataset, period, flow_code

),

staged_rows as (

    select
        'customs_eurostat_flows' as source_dataset,
        reporter_code,
        partner_code,
        period,
        flow_code,
        value_eur as value_original
    from {{ ref('stg_eurostat__flows') }}

    union all

    select
        'customs_imf_totals' as source_dataset,
        totals.reporter_code,
        totals.partner_code,
        totals.period,
        totals.flow_code,
        totals.value_usd as value_original
    from {{ ref('stg_imf__totals') }} as totals
    where
        not exists (
            select 1
            from {{ ref('stg_eurostat__flows') }} as flows
            where
                flows.reporter_code = totals.reporter_code
                and flows.partner_code = totals.partner_code
                and flows.period = totals.period
                and flows.frequency = totals.frequency
                and flows.flow_code = totals.flow_code
        )

),

staged as (

    select
        source_dataset,
        period,
        flow_code,
        sum(value_original) as staged_value
    from staged_rows
    where
        reporter_code not in (select countries.country_code from countries)
        and partner_code not in (select countries.country_code from countries)
    group by source_dataset, period, flow_code

)

select
    source_dataset,
    period,
    flow_code,
    staged.staged_value,
    mart.mart_value
from staged
full outer join mart using (source_dataset, period, flow_code)
where
    staged.staged_value is null
    or mart.mart_value is null
    or abs(staged.staged_value - mart.mart_value) > mart.tolerance
