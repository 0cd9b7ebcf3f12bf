{{ config(tags=['explains_procurement', 'explains_cooperation']) }}

with

procurement_rows as (

    select
        source_dataset,
        load_id,
        row_number,
        case when is_first then 'counted' else 'tells the same' end as counted_as,
        what || ' ' || part_key || ' ' || part_number as part,
        buyer_country_code,
        supplier_country_code,
        sector_id,
        period,
        case when is_first then award_part end as award_part,
        case when is_first then part_with_value end as part_with_value,
        case when is_first then part_in_usd end as part_in_usd,
        case when is_first then value_usd end as value_usd,
        case when is_first then bid_part end as bid_part
    from {{ ref('lineage_procurement_rows') }}

)

select * from procurement_rows
