with

union_programmes as (

    select
        'union-state/' || programme_number as programme_id,
        'union programme' as programme_kind,
        cast(programme_number as integer) as programme_number,
        nullif(name_en, '') as programme_name_en,
        nullif(name_ru, '') as programme_name_ru,
        cast(null as varchar) as lender_code,
        cast(null as varchar) as borrower_code,
        cast(null as date) as first_told_date,
        cast(null as date) as last_told_date,
        cast(0 as integer) as loan_count,
        cast(is_documented as boolean) as is_documented,
        source as programme_source
    from {{ ref('programmes') }}

),

-- what registers call a programme; a line without one is its own
credit_programmes as (

    select
        lender_code || '-' || borrower_code || '/' || coalesce(programme_name, line_id) as programme_id,
        'credit programme' as programme_kind,
        cast(null as integer) as programme_number,
        coalesce(programme_name, line_id) as programme_name_en,
        cast(null as varchar) as programme_name_ru,
        lender_code,
        borrower_code,
        min(as_of_date) as first_told_date,
        max(as_of_date) as last_told_date,
        cast(count(distinct line_id) as integer) as loan_count,
        true as is_documented,
        min_by(source_text, as_of_date) as programme_source
    from {{ ref('stg_register__loans') }}
    where not is_example
    group by lender_code, borrower_code, coalesce(programme_name, line_id)

),

programmes as (

    select * from union_programmes
    union all
    select * from credit_programmes

)

select * from programmes
