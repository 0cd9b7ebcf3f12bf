with

source as (

    select * from {{ source('accepted', 'reference_rates_cbr') }}

),

renamed as (

    select
        rate_date,
        currency_code,
        nominal as unit_count,
        rate_rub
    from source

)

select * from renamed
