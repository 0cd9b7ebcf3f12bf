with

notices as (

    select * from {{ ref('stg_eis__notices') }}
    where coalesce(status_code, 'P') not in ('F', 'I')

),

cancelled as (

    select distinct purchase_number
    from notices
    where document_kind like '%Cancel%'

),

-- the last version says what the purchase is; cancellations say nothing of it
last_versions as (

    select *
    from notices
    where document_kind not like '%Cancel%'
    qualify
        row_number() over (
            partition by purchase_number
            order by published_at desc nulls last, document_version desc, document_id desc
        ) = 1

),

tenders as (

    select
        'EIS' as source_system,
        last_versions.purchase_number as tender_id,
        last_versions.law as regime,
        last_versions.document_kind,
        last_versions.document_id,
        last_versions.document_version,
        last_versions.published_at,
        last_versions.purchase_name as tender_name,
        last_versions.method_code,
        last_versions.method_name,
        case
            when last_versions.buyer_inn is not null then 'RU-INN'
            when last_versions.buyer_registry_number is not null then 'RU-44FZ'
        end as buyer_scheme,
        coalesce(last_versions.buyer_inn, last_versions.buyer_registry_number) as buyer_identifier,
        last_versions.buyer_name,
        'RUS' as buyer_country_code,
        cancelled.purchase_number is not null as is_cancelled
    from last_versions
    left join cancelled on last_versions.purchase_number = cancelled.purchase_number

)

select * from tenders
