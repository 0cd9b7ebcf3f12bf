{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period', 1) }}",
    meta={'touched_by': 'period', 'touched_later': 1}
) }}

with

shares as (

    select
        *,
        third_imports_usd / nullif(use_usd, 0) as third_share,
        union_imports_usd / nullif(use_usd, 0) as union_share,
        domestic_usd / nullif(use_usd, 0) as domestic_share
    from {{ ref('int_imports_by_origin') }}

),

importers as (

    select distinct importer_code
    from shares

),

-- all records of the importer's trade, both ways: what it uses at home is what it did not export
sources as (

    select distinct
        importers.importer_code,
        cells.period,
        cells.source_dataset
    from importers
    inner join {{ ref('int_trade_matrix_by_year') }} as cells
        on importers.importer_code in (cells.importer_code, cells.exporter_code)
    where
        {{ in_indicators('cells.sector_id') }}
        and cells.value_usd is not null
        and {{ touched('cells.period', 1) }}

),

refused as (

    select
        sources.importer_code,
        sources.period,
        cast(sum(slices.refused_row_count) as bigint) as refused_row_count
    from sources
    inner join {{ ref('int_refused_rows_by_slice') }} as slices
        on
            sources.source_dataset = slices.source_dataset
            and sources.period = slices.slice_key
            and slices.told_by = 'year'
    group by sources.importer_code, sources.period

),

-- against the year before, where that was measured the same way
changes as (

    select
        shares.*,
        shares.third_share - year_before.third_share as third_share_change,
        shares.union_share - year_before.union_share as union_share_change,
        shares.domestic_share - year_before.domestic_share as domestic_share_change,
        coalesce(refused.refused_row_count, 0) as refused_row_count
    from shares
    left join shares as year_before
        on
            shares.importer_code = year_before.importer_code
            and shares.sector_id = year_before.sector_id
            and cast(shares.period as integer) = cast(year_before.period as integer) + 1
            and shares.share_basis = year_before.share_basis
            and shares.month_count = year_before.month_count
    left join refused
        on
            shares.importer_code = refused.importer_code
            and shares.period = refused.period
    where {{ touched('shares.period', 1) }}

),

substitution as (

    select
        importer_code,
        sector_id,
        period,
        'A' as frequency,
        union_imports_usd,
        third_imports_usd,
        imports_usd,
        exports_usd,
        output_usd,
        share_basis,
        cast(third_share as decimal(18, 6)) as third_country_share,
        cast(union_share as decimal(18, 6)) as union_share,
        cast(domestic_share as decimal(18, 6)) as domestic_share,
        cast(third_share_change as decimal(18, 6)) as third_country_share_change,
        cast(union_share_change as decimal(18, 6)) as union_share_change,
        cast(domestic_share_change as decimal(18, 6)) as domestic_share_change,
        cast(-third_share_change * use_usd as decimal(18, 6)) as displaced_usd,
        cast(union_share_change * use_usd as decimal(18, 6)) as displaced_by_union_usd,
        cast(domestic_share_change * use_usd as decimal(18, 6)) as displaced_by_domestic_usd,
        supplier_count,
        case
            when union_imports_usd is null then 'no record of the union'
            when third_imports_usd is null then 'no record of third countries'
            when month_count < 12 then 'partial: ' || month_count || ' of 12 months'
            else 'suppliers at hand'
        end as coverage,
        crosswalk_mass,
        refused_row_count
    from changes

)

select * from substitution
