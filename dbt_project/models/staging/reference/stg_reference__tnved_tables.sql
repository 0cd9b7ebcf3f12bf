with

source as (

    select * from {{ source('accepted', 'reference_tnved_tables') }}

),

renamed as (

    select
        table_name,
        section_code,
        chapter_code,
        heading_digits,
        name,
        valid_from_date,
        valid_to_date
    from source

)

select * from renamed
