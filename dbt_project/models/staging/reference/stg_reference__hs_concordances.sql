with

source as (

    select * from {{ source('accepted', 'reference_hs_concordances') }}

),

renamed as (

    select
        pair_name,
        code_after,
        code_before,
        relationship_name
    from source

)

select * from renamed
