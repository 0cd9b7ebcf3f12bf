with

source as (

    select * from {{ source('accepted', 'reference_hs_codes') }}

),

renamed as (

    select
        classification_code,
        code,
        name,
        parent_code
    from source

)

select * from renamed
