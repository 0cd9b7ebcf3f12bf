with

substitution as (

    select
        substitution.importer_code,
        importers.country_name_en as importer_name,
        substitution.sector_id,
        sectors.sector_name_en as sector_name,
        substitution.period,
        periods.start_date,
        substitution.union_imports_usd,
        substitution.third_imports_usd,
        substitution.imports_usd,
        substitution.share_basis,
        substitution.third_country_share,
        substitution.union_share,
        substitution.domestic_share,
        substitution.third_country_share_change,
        substitution.displaced_usd,
        substitution.displaced_by_union_usd,
        substitution.displaced_by_domestic_usd,
        substitution.supplier_count,
        substitution.coverage,
        substitution.refused_row_count
    from {{ ref('mart_import_substitution') }} as substitution
    inner join {{ ref('dim_countries') }} as importers on substitution.importer_code = importers.country_code
    inner join {{ ref('dim_sectors') }} as sectors on substitution.sector_id = sectors.sector_id
    inner join {{ ref('dim_periods') }} as periods on substitution.period = periods.period

)

select * from substitution
