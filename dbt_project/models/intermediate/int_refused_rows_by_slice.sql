{{ config(materialized='view') }}

{# A load counts once for each of: its dataset, a year, a month, and a lender and borrower of its slices. #}
with

loads as (

    select distinct
        source_dataset,
        load_id,
        refused_row_count,
        'dataset' as told_by,
        cast(null as varchar) as slice_key
    from {{ ref('stg_ledger__refused_rows') }}

    union all

    select distinct
        source_dataset,
        load_id,
        refused_row_count,
        'year' as told_by,
        left(slice_period, 4) as slice_key
    from {{ ref('stg_ledger__refused_rows') }}
    where slice_period is not null

    union all

    select distinct
        source_dataset,
        load_id,
        refused_row_count,
        'month' as told_by,
        slice_period as slice_key
    from {{ ref('stg_ledger__refused_rows') }}
    where length(slice_period) = 7

    union all

    select distinct
        source_dataset,
        load_id,
        refused_row_count,
        'pair' as told_by,
        lender_code || '-' || borrower_code as slice_key
    from {{ ref('stg_ledger__refused_rows') }}
    where lender_code is not null and borrower_code is not null

),

refused_rows_by_slice as (

    select
        source_dataset,
        told_by,
        slice_key,
        cast(sum(refused_row_count) as bigint) as refused_row_count
    from loads
    group by source_dataset, told_by, slice_key

)

select * from refused_rows_by_slice
