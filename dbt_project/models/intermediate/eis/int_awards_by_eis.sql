with

contracts as (

    select * from {{ ref('stg_eis__contracts') }}
    where coalesce(status_code, 'P') not in ('F', 'I', 'IN')

),

last_versions as (

    select *
    from contracts
    qualify
        row_number() over (
            partition by contract_number
            order by document_version desc, published_at desc nulls last, document_id desc
        ) = 1

),

tenders as (

    select * from {{ ref('int_tenders_by_eis') }}

),

ceilings as (

    select
        tender_id,
        max(ceiling_amount) as ceiling_amount
    from {{ ref('int_lots_by_eis') }}
    group by tender_id

),

awards as (

    select
        'EIS' as source_system,
        last_versions.contract_number as award_id,
        last_versions.law as regime,
        last_versions.document_kind,
        last_versions.document_id,
        last_versions.document_version,
        last_versions.purchase_number as tender_id,
        last_versions.lot_id,
        last_versions.lot_number,
        coalesce(last_versions.contract_date, cast(last_versions.published_at as date)) as award_date,
        last_versions.contract_name as award_name,
        last_versions.method_code,
        last_versions.method_name,
        last_versions.price as amount,
        last_versions.currency_code,
        last_versions.price_rub as amount_rub,
        -- a few roubles against a ceiling a thousand times as high are a rate per unit, not a value
        coalesce(last_versions.is_price_of_unit, false)
        or coalesce(
            last_versions.price < 100 and ceilings.ceiling_amount >= 1000 * last_versions.price, false
        ) as is_unit_rate,
        last_versions.status_code,
        coalesce(last_versions.buyer_inn, tenders.buyer_identifier) as buyer_identifier,
        case when last_versions.buyer_inn is not null then 'RU-INN' else tenders.buyer_scheme end
            as buyer_scheme,
        coalesce(last_versions.buyer_name, tenders.buyer_name) as buyer_name,
        'RUS' as buyer_country_code,
        cast(coalesce(len(last_versions.suppliers), 0) as integer) as supplier_count
    from last_versions
    left join tenders on last_versions.purchase_number = tenders.tender_id
    left join ceilings on last_versions.purchase_number = ceilings.tender_id

)

select * from awards
