{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched('period') }}",
    meta={'touched_by': 'period'}
) }}

{% set members = "'" ~ var('union_members') | join("', '") ~ "'" %}

with

cells as (

    select *
    from {{ ref('int_trade_matrix_by_year') }}
    where
        {{ in_indicators('sector_id') }}
        and value_usd is not null
        and importer_code in ({{ members }})
        and {{ touched('period') }}

),

imports as (

    select
        importer_code,
        sector_id,
        period,
        sum(value_usd) filter (where exporter_code in ({{ members }})) as union_imports_usd,
        sum(value_usd) filter (where exporter_code not in ({{ members }})) as third_imports_usd,
        cast(count(distinct exporter_code) as integer) as supplier_count,
        min(month_count) as month_count,
        cast(sum(value_usd * crosswalk_mass) / nullif(sum(value_usd), 0) as decimal(9, 6))
            as crosswalk_mass
    from cells
    group by importer_code, sector_id, period

),

-- what is in no record of the year is 0 only where there is a record of the year
records as (

    select
        importer_code,
        period,
        bool_or(exporter_code in ({{ members }})) as has_union_record,
        bool_or(exporter_code not in ({{ members }})) as has_third_record
    from cells
    group by importer_code, period

),

known as (

    select
        imports.* exclude (union_imports_usd, third_imports_usd),
        case when records.has_union_record then coalesce(imports.union_imports_usd, 0) end
            as union_imports_usd,
        case when records.has_third_record then coalesce(imports.third_imports_usd, 0) end
            as third_imports_usd
    from imports
    inner join records
        on
            imports.importer_code = records.importer_code
            and imports.period = records.period

),

with_output as (

    select
        imports.importer_code,
        imports.sector_id,
        imports.period,
        cast(imports.union_imports_usd as decimal(18, 2)) as union_imports_usd,
        cast(imports.third_imports_usd as decimal(18, 2)) as third_imports_usd,
        cast(imports.union_imports_usd + imports.third_imports_usd as decimal(18, 2)) as imports_usd,
        cast(output.output_usd as decimal(18, 2)) as output_usd,
        cast(totals.exports_usd as decimal(18, 2)) as exports_usd,
        imports.supplier_count,
        imports.month_count,
        imports.crosswalk_mass
    from known as imports
    inner join {{ ref('int_trade_totals_by_country') }} as totals
        on
            imports.importer_code = totals.country_code
            and imports.sector_id = totals.sector_id
            and imports.period = totals.period
    left join {{ ref('sector_output') }} as output
        on
            imports.importer_code = output.country_code
            and imports.sector_id = output.sector_id
            and imports.period = output.period

),

-- what is used at home: output that was not exported, and imports
with_use as (

    select
        *,
        case when output_usd - exports_usd >= 0 then output_usd - exports_usd end as domestic_usd
    from with_output

),

imports_by_origin as (

    select
        *,
        case when domestic_usd is null then 'imports' else 'apparent consumption' end as share_basis,
        imports_usd + coalesce(domestic_usd, 0) as use_usd
    from with_use

)

select * from imports_by_origin
