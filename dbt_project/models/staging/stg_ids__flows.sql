with

source as (

    select * from {{ source('accepted', 'loans_ids_flows') }}

),

renamed as (

    select
        borrower_code,
        lender_code,
        series_code,
        period,
        frequency,
        cast(edition_year as integer) as edition_year,
        value_usd
    from source

)

select * from renamed
