with

source as (

    select * from {{ source('accepted', 'reference_rates_nbrb') }}

),

renamed as (

    select
        rate_date,
        currency_code,
        scale_units as unit_count,
        rate_byn
    from source

)

select * from renamed
