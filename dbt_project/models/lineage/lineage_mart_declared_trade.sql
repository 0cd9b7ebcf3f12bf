{{ config(tags=['explains_declarations']) }}

with

declared as (

    select
        'customs_declarations' as source_dataset,
        _load_id as load_id,
        _row as row_number,
        'counted' as counted_as,
        declaration_id || ' item ' || item_number || ' version ' || version_number as part,
        reporter_code,
        partner_code,
        flow_code,
        sector_id,
        registered_date,
        is_synthetic,
        declaration_id,
        part_usd as value_usd
    from {{ ref('int_declared_items_by_sector') }}

)

select * from declared
