with

records as (

    select
        directions.pair_id,
        directions.direction,
        sides.sector_id,
        sides.period,
        sides.value_fob_usd as value_usd,
        sides.month_count,
        sides.crosswalk_mass,
        case
            when sides.side = 'exporter' then ''
            when sides.has_other_side then 'mirror'
            else 'mirror only'
        end as origin,
        case
            when sides.month_count < 12 then 'partial: ' || sides.month_count || ' of 12 months'
        end as gap_of_months
    from {{ ref('int_directions_by_pair') }} as directions
    inner join {{ ref('int_trade_sides_by_year') }} as sides
        on
            directions.from_country_code = sides.exporter_code
            and directions.to_country_code = sides.importer_code
            and sides.is_best_side

),

exports_by_pair as (

    select
        pair_id,
        direction,
        sector_id,
        period,
        value_usd,
        month_count,
        case
            when value_usd is null then 'no exchange rate'
            else coalesce(nullif(concat_ws(', ', nullif(origin, ''), gap_of_months), ''), 'published')
        end as coverage,
        crosswalk_mass
    from records

)

select * from exports_by_pair
