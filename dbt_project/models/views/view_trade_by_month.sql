with

trade as (

    select
        trade.reporter_code,
        reporters.country_name_en as reporter_name,
        trade.partner_code,
        partners.country_name_en as partner_name,
        trade.sector_id,
        sectors.sector_name_en as sector_name,
        trade.period,
        periods.start_date,
        trade.flow_code,
        case trade.flow_code when 'X' then 'exports' else 'imports' end as flow_name,
        trade.value_usd,
        trade.crosswalk_mass,
        trade.refused_row_count,
        trade.source_dataset
    from {{ ref('mart_sector_trade') }} as trade
    inner join {{ ref('dim_countries') }} as reporters on trade.reporter_code = reporters.country_code
    inner join {{ ref('dim_countries') }} as partners on trade.partner_code = partners.country_code
    inner join {{ ref('dim_sectors') }} as sectors on trade.sector_id = sectors.sector_id
    inner join {{ ref('dim_periods') }} as periods on trade.period = periods.period
    where trade.frequency = 'M'

)

select * from trade
