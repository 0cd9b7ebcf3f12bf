with

source as (

    select * from {{ source('accepted', 'reference_cpv_codes') }}

),

renamed as (

    select
        language_code,
        code,
        name
    from source

)

select * from renamed
