with

source as (

    select * from {{ source('accepted', 'reference_rates_ecb') }}

),

renamed as (

    select
        rate_date,
        currency_code,
        rate_per_eur
    from source

)

select * from renamed
