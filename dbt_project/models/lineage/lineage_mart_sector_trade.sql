{{ config(tags=['explains_trade']) }}

with

trade_rows as (

    select
        source_dataset,
        load_id,
        row_number,
        counted_as,
        part,
        reporter_code,
        partner_code,
        sector_id,
        period,
        frequency,
        flow_code,
        value_original,
        currency_code,
        usd_per_unit,
        is_total
    from {{ ref('lineage_trade_rows') }}
    where is_chosen

)

select * from trade_rows
