{# Codes of what is bought: a subject is a lot, a tender or an award, whatever its source tells of. #}
with

extract as (

    select distinct
        'extract/' || lot_id as subject_id,
        'OKPD2' as scheme,
        okpd2_code as code,
        cast(extract('year' from published_date) as integer) as code_year,
        cast(null as decimal(28, 4)) as amount
    from {{ ref('int_bids_by_lot') }}
    where okpd2_code is not null

),

eis_tenders as (

    select
        'eis/' || items.tender_id as subject_id,
        items.scheme,
        items.code,
        cast(extract('year' from tenders.published_at) as integer) as code_year,
        cast(items.amount as decimal(28, 4)) as amount
    from {{ ref('int_items_by_eis') }} as items
    left join {{ ref('int_tenders_by_eis') }} as tenders on items.tender_id = tenders.tender_id

),

eis_awards as (

    select
        'eis/award/' || items.award_id as subject_id,
        items.scheme,
        items.code,
        cast(extract('year' from awards.award_date) as integer) as code_year,
        cast(items.amount as decimal(28, 4)) as amount
    from {{ ref('int_award_items_by_eis') }} as items
    inner join {{ ref('int_awards_by_eis') }} as awards on items.award_id = awards.award_id

),

ocds as (

    select
        case items.item_stage
            when 'award' then 'ocds/award/' || items.ocid || '/' || items.parent_number
            else 'ocds/' || items.ocid
        end as subject_id,
        case
            when upper(trim(items.classification_scheme)) in ('CPV', 'CPVS') then 'CPV'
            else upper(trim(items.classification_scheme))
        end as scheme,
        items.classification_code as code,
        cast(extract('year' from tenders.published_at) as integer) as code_year,
        cast(items.quantity * items.unit_value_amount as decimal(28, 4)) as amount
    from {{ ref('int_ocds_items_by_process') }} as items
    inner join {{ ref('int_ocds_tenders_by_process') }} as tenders on items.ocid = tenders.ocid
    where items.item_stage in ('tender', 'award')

),

ted as (

    select
        'ted/' || lots.tender_id || '/' || lots.lot_id as subject_id,
        'CPV' as scheme,
        lots.code,
        cast(extract('year' from tenders.issue_date) as integer) as code_year,
        cast(null as decimal(28, 4)) as amount
    from {{ ref('int_lots_by_ted') }} as lots
    inner join {{ ref('int_tenders_by_ted') }} as tenders on lots.tender_id = tenders.tender_id

),

every_item as (

    select * from extract
    union all
    select * from eis_tenders
    union all
    select * from eis_awards
    union all
    select * from ocds
    union all
    select * from ted

),

items_by_subject as (

    select
        subject_id,
        scheme,
        nullif(trim(code), '') as code,
        code_year,
        amount
    from every_item

)

select * from items_by_subject
