with

source as (

    select * from {{ source('accepted', 'procurement_wb_contracts') }}

),

renamed as (

    select
        as_of_date,
        fiscal_year,
        region_name,
        borrower_country_name,
        borrower_country_wb_code,
        project_id,
        project_name,
        procurement_type,
        procurement_category,
        procurement_method,
        product_line,
        major_sector,
        global_practice,
        contract_number,
        contract_description,
        signed_date,
        supplier_name,
        supplier_country_name,
        supplier_country_wb_code,
        supplier_number,
        contract_amount_usd,
        supplier_amount_usd,
        borrower_reference,
        signed_calendar_year,
        review_type
    from source

)

select * from renamed
