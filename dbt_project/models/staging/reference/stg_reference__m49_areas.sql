with

source as (

    select * from {{ source('accepted', 'reference_m49_areas') }}

),

renamed as (

    select
        language_code,
        m49_code,
        alpha2_code,
        alpha3_code,
        name,
        region_name
    from source

)

select * from renamed
