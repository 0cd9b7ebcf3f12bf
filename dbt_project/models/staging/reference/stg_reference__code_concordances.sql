with

source as (

    select * from {{ source('accepted', 'reference_code_concordances') }}

),

renamed as (

    select
        table_name,
        from_code,
        to_code,
        from_name,
        detail
    from source

)

select * from renamed
