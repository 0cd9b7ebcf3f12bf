with

source as (

    select * from {{ source('accepted', 'reference_okrb_codes') }}

),

renamed as (

    select
        scheme_code,
        code,
        name
    from source

)

select * from renamed
