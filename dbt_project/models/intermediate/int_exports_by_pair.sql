with

directions as (

    select * from {{ ref('int_directions_by_pair') }}

),

trade as (

    select * from {{ ref('int_trade_by_year') }}

),

exporter_records as (

    select
        directions.pair_id,
        directions.direction,
        trade.sector_id,
        trade.period,
        trade.value_usd,
        trade.value_original,
        trade.unambiguous_value,
        trade.month_count,
        false as is_mirror
    from directions
    inner join trade
        on
            directions.from_country_code = trade.reporter_code
            and directions.to_country_code = trade.partner_code
            and trade.flow_code = 'X'

),

-- what the importer recorded, brought from CIF to FOB; only for years the exporter did not report,
-- so that an importer's total never stands beside an exporter's products
importer_records as (

    select
        directions.pair_id,
        directions.direction,
        trade.sector_id,
        trade.period,
        case trade.valuation_code
            when 'CIF' then {{ divide_exact('trade.value_usd', var('cif_fob_factor'), 2) }}
            else trade.value_usd
        end as value_usd,
        trade.value_original,
        trade.unambiguous_value,
        trade.month_count,
        true as is_mirror
    from directions
    inner join trade
        on
            directions.to_country_code = trade.reporter_code
            and directions.from_country_code = trade.partner_code
            and trade.flow_code = 'M'
    where
        not exists (
            select 1
            from exporter_records
            where
                exporter_records.pair_id = directions.pair_id
                and exporter_records.direction = directions.direction
                and exporter_records.period = trade.period
        )

),

records as (

    select * from exporter_records
    union all
    select * from importer_records

),

exports_by_pair as (

    select
        pair_id,
        direction,
        sector_id,
        period,
        cast(value_usd as decimal(18, 2)) as value_usd,
        month_count,
        case
            when value_usd is null then 'no exchange rate'
            when is_mirror and month_count < 12
                then 'mirror only, partial: ' || month_count || ' of 12 months'
            when is_mirror then 'mirror only'
            when month_count < 12 then 'partial: ' || month_count || ' of 12 months'
            else 'published'
        end as coverage,
        cast({{ divide_exact('unambiguous_value', 'value_original', 6) }} as decimal(9, 6))
            as crosswalk_mass
    from records

)

select * from exports_by_pair
