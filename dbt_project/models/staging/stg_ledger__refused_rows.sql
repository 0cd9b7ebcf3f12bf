with

source as (

    select * from {{ source('accepted', 'refused_rows') }}

),

-- a slice tells its period or date, its lender and borrower, as far as it is cut by them
renamed as (

    select
        dataset as source_dataset,
        load_id,
        row_count as refused_row_count,
        left(coalesce(slice ->> '$.period', slice ->> '$.as_of_date'), 7) as slice_period,
        slice ->> '$.lender_code' as lender_code,
        slice ->> '$.borrower_code' as borrower_code
    from source

)

select * from renamed
