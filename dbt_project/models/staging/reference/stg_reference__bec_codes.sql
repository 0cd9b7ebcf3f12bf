with

source as (

    select * from {{ source('accepted', 'reference_bec_codes') }}

),

renamed as (

    select
        scheme_code,
        code,
        name,
        parent_code
    from source

)

select * from renamed
