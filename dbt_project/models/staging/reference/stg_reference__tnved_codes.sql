with

source as (

    select * from {{ source('accepted', 'reference_tnved_codes') }}

),

renamed as (

    select
        scheme_code,
        code,
        name,
        valid_from_date
    from source

)

select * from renamed
