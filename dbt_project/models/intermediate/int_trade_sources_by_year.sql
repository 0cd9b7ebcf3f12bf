{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('year_period') }}",
    meta={'touched_by': 'year_period'}
) }}

with

candidates as (

    select
        source_dataset,
        source_kind,
        frequency,
        reporter_code,
        partner_code,
        flow_code,
        left(period, 4) as year_period,
        cast(
            case frequency
                when 'A' then 12
                when 'Q' then 3 * count(distinct period)
                else count(distinct period)
            end as integer
        ) as month_count,
        cast(
            count(distinct left(commodity_code, 4)) filter (
                where regexp_full_match(left(commodity_code, 4), '[0-9]{4}')
            ) as integer
        ) as heading_count,
        bool_or(not is_total) as has_products
    from {{ ref('int_trade_flows_by_source') }}
    where {{ touched('period') }}
    group by
        source_dataset, source_kind, frequency, reporter_code, partner_code, flow_code, left(period, 4)

),

-- a source with far fewer headings than another holds chosen products only
compared as (

    select
        *,
        heading_count < {{ var('whole_source_share') }} * max(heading_count) over (
            partition by reporter_code, partner_code, flow_code, year_period
        ) as is_extract
    from candidates

),

ranked as (

    select
        compared.*,
        row_number() over (
            partition by
                compared.reporter_code, compared.partner_code, compared.flow_code, compared.year_period
            order by
                compared.has_products desc,
                compared.is_extract asc,
                compared.month_count desc,
                cast(sources.source_order as integer) asc,
                compared.frequency asc
        ) as preference,
        -- what both partners' records were reconciled to is no report of either
        case
            when compared.source_kind <> 'reconciled'
                then row_number() over (
                    partition by
                        compared.reporter_code, compared.partner_code, compared.flow_code,
                        compared.year_period, compared.source_kind = 'reconciled'
                    order by
                        compared.has_products desc,
                        compared.is_extract asc,
                        compared.month_count desc,
                        cast(sources.source_order as integer) asc,
                        compared.frequency asc
                )
        end as report_preference
    from compared
    inner join {{ ref('trade_sources') }} as sources
        on compared.source_dataset = sources.source_dataset

)

select * from ranked
