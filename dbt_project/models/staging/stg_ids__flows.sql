with

source as (

    select * from {{ source('accepted', 'loans_ids_flows') }}

),

renamed as (

    select
        _load_id,
        _row,
        borrower_code,
        lender_code,
        series_code,
        -- DT.AMT.BLAT.CD: what, of whom, in which unit
        split_part(series_code, '.', 2) as measure_code,
        split_part(series_code, '.', 3) as creditor_kind_code,
        period,
        frequency,
        cast(last_actual_year as integer) as last_actual_year,
        value,
        case when series_code like 'DT.%.CD' then value end as value_usd
    from source

)

select * from renamed
