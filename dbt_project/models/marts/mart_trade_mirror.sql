{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

with

sides as (

    select *
    from {{ ref('int_trade_sides_by_year') }}
    where {{ touched('period') }}

),

refused as (

    select * from {{ ref('int_refused_rows_by_slice') }}
    where told_by = 'year'

),

exporter_side as (

    select * from sides
    where side = 'exporter'

),

importer_side as (

    select * from sides
    where side = 'importer'

),

-- what each side's record of the year is, whether or not it knows the sector
pair_years as (

    select
        exporter_code,
        importer_code,
        period,
        max(source_dataset) filter (where side = 'exporter') as exporter_source_dataset,
        max(source_dataset) filter (where side = 'importer') as importer_source_dataset,
        coalesce(max(flow_month_count) filter (where side = 'exporter'), 0) as exporter_month_count,
        coalesce(max(flow_month_count) filter (where side = 'importer'), 0) as importer_month_count,
        max(side) filter (where is_best_side) as best_value_side,
        bool_or(source_kind = 'totals') as is_partly_estimated
    from sides
    group by exporter_code, importer_code, period

),

paired as (

    select
        exporter_code,
        importer_code,
        sector_id,
        period,
        exporter_side.value_usd as exporter_value_usd,
        importer_side.value_usd as importer_value_usd,
        importer_side.valuation_code as importer_valuation_code,
        importer_side.value_fob_usd as importer_value_fob_usd,
        coalesce(exporter_side.is_best_side, false) as has_best_exporter,
        coalesce(importer_side.is_best_side, false) as has_best_importer,
        exporter_side.side is not null and importer_side.side is not null as has_both_sides,
        least(exporter_side.crosswalk_mass, importer_side.crosswalk_mass) as crosswalk_mass
    from exporter_side
    full outer join importer_side using (exporter_code, importer_code, sector_id, period)

),

compared as (

    select
        paired.*,
        pair_years.exporter_source_dataset,
        pair_years.importer_source_dataset,
        pair_years.exporter_month_count,
        pair_years.importer_month_count,
        pair_years.best_value_side,
        pair_years.is_partly_estimated,
        coalesce(exporter_refused.refused_row_count, 0) + coalesce(importer_refused.refused_row_count, 0)
            as refused_row_count,
        cast(
            case
                when paired.exporter_value_usd > 0 and paired.importer_value_usd > 0
                    then ln(
                        cast(paired.importer_value_usd as double)
                        / case
                            when paired.importer_valuation_code = 'CIF' then {{ var('cif_fob_factor') }}
                            else 1
                        end
                        / cast(paired.exporter_value_usd as double)
                    )
            end as decimal(9, 6)
        ) as mirror_gap,
        cast(
            {{ divide_exact(
                'abs(paired.importer_value_usd - paired.exporter_value_usd)',
                '(paired.importer_value_usd + paired.exporter_value_usd)',
                6
            ) }} as decimal(9, 6)
        ) as asymmetry
    from paired
    inner join pair_years
        on
            paired.exporter_code = pair_years.exporter_code
            and paired.importer_code = pair_years.importer_code
            and paired.period = pair_years.period
    left join refused as exporter_refused
        on
            pair_years.exporter_source_dataset = exporter_refused.source_dataset
            and pair_years.period = exporter_refused.slice_key
    -- a dataset that both sides come from counts once
    left join refused as importer_refused
        on
            pair_years.importer_source_dataset = importer_refused.source_dataset
            and pair_years.period = importer_refused.slice_key
            and pair_years.importer_source_dataset is distinct from pair_years.exporter_source_dataset

),

mirror as (

    select
        exporter_code,
        importer_code,
        sector_id,
        period,
        'A' as frequency,
        exporter_value_usd,
        importer_value_usd,
        importer_valuation_code,
        mirror_gap,
        asymmetry,
        -- the IMF estimates totals from the partner's: two figures that agree may be one report
        case
            when is_partly_estimated then 'low'
            when
                asymmetry <= {{ var('mirror_asymmetry_high') }}
                and exporter_month_count = 12
                and importer_month_count = 12
                then 'high'
            when
                asymmetry <= {{ var('mirror_asymmetry_medium') }}
                and exporter_month_count = importer_month_count
                then 'medium'
            else 'low'
        end as confidence,
        case when has_both_sides then 'both sides' else 'mirror only' end as coverage,
        case
            when has_best_exporter then exporter_value_usd
            when has_best_importer then importer_value_fob_usd
        end as best_value_usd,
        best_value_side,
        exporter_source_dataset,
        importer_source_dataset,
        cast(exporter_month_count as integer) as exporter_month_count,
        cast(importer_month_count as integer) as importer_month_count,
        crosswalk_mass,
        refused_row_count
    from compared

)

select * from mirror
