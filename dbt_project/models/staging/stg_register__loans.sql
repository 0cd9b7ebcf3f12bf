with

source as (

    select * from {{ source('accepted', 'loans_register') }}

),

renamed as (

    select
        _load_id,
        _row,
        line_id,
        lender_code,
        borrower_code,
        as_of_date,
        instrument_code,
        sector_id,
        programme_name,
        project_name,
        enterprise_name,
        currency_code,
        committed,
        cancelled,
        disbursed,
        repaid,
        interest_paid,
        outstanding,
        available_from_date,
        available_to_date,
        source_text,
        coalesce(is_example, false) as is_example,
        note_text
    from source

)

select * from renamed
