with

source as (

    select * from {{ source('accepted', 'procurement_eis_protocols') }}

),

renamed as (

    select
        case when document_kind like '%Data' then '223-FZ' else '44-FZ' end as law,
        document_kind,
        document_id,
        coalesce(document_version, 0) as document_version,
        schema_version,
        purchase_number,
        protocol_number,
        published_at,
        status_code,
        protocol_type,
        method_name,
        buyer_inn,
        buyer_kpp,
        buyer_registry_number,
        buyer_name,
        lots
    from source

),

-- a version that came twice, in a daily and in a monthly archive say, stands once
versions as (

    select *
    from renamed
    qualify
        row_number() over (
            partition by document_kind, document_id, document_version
            order by published_at desc nulls last
        ) = 1

)

select * from versions
