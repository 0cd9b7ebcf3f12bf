with

source as (

    select * from {{ source('accepted', 'reference_pp1875_items') }}

),

renamed as (

    select
        appendix_number,
        item_number,
        item_name,
        okpd2_codes,
        excepted_codes
    from source

)

select * from renamed
