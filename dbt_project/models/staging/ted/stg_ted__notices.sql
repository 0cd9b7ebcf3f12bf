with

source as (

    select * from {{ source('accepted', 'procurement_ted_notices') }}

),

renamed as (

    select
        document_kind,
        notice_id,
        notice_version,
        procedure_id,
        publication_number,
        changed_notice_id,
        schema_version,
        notice_type_code,
        notice_subtype_code,
        issue_date,
        publication_date,
        language_code,
        procedure_code,
        purchase_name,
        nature_code,
        cpv_code,
        estimated_amount,
        estimated_currency_code,
        total_amount,
        total_currency_code,
        buyers,
        lots,
        organisations,
        tendering_parties,
        tenders,
        lot_results,
        contracts
    from source

),

-- a version that came twice, in a daily and in a monthly archive say, stands once
versions as (

    select *
    from renamed
    qualify
        row_number() over (
            partition by notice_id, notice_version
            order by issue_date desc nulls last
        ) = 1

)

select * from versions
