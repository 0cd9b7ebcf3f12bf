with

notices as (

    select
        *,
        coalesce(procedure_id, notice_id) as tender_id
    from {{ ref('stg_ted__notices') }}

),

-- a notice that another takes the place of, and all versions of a notice but the last, say nothing more
in_force as (

    select *
    from notices
    where
        notice_id || '-' || notice_version not in (
            select changed.changed_notice_id
            from notices as changed
            where changed.changed_notice_id is not null
        )
    qualify row_number() over (partition by notice_id order by notice_version desc) = 1

),

-- the last notice of a procedure says what it is about
last_notices as (

    select *
    from in_force
    qualify
        row_number() over (
            partition by tender_id order by issue_date desc nulls last, notice_id desc
        ) = 1

),

buyers as (

    select
        tender_id,
        unnest(organisations) as organisation,
        buyers[1].organisation_id as buyer_id
    from last_notices

),

named as (

    select
        tender_id,
        min(organisation['company_number']) as buyer_identifier,
        min(organisation['organisation_name']) as buyer_name,
        min(organisation['country_code_3']) as buyer_country_code
    from buyers
    where organisation['organisation_id'] = buyer_id
    group by tender_id

),

tenders as (

    select
        'TED' as source_system,
        last_notices.tender_id,
        last_notices.notice_type_code as regime,
        last_notices.document_kind,
        last_notices.notice_id as document_id,
        last_notices.notice_version as document_version,
        last_notices.issue_date,
        last_notices.purchase_name as tender_name,
        last_notices.procedure_code as method_code,
        last_notices.cpv_code,
        last_notices.estimated_amount as ceiling_amount,
        last_notices.estimated_currency_code as currency_code,
        named.buyer_identifier,
        named.buyer_name,
        named.buyer_country_code
    from last_notices
    left join named on last_notices.tender_id = named.tender_id

)

select * from tenders
