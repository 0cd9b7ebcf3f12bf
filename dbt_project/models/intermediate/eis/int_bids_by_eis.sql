with

protocols as (

    select * from {{ ref('stg_eis__protocols') }}
    where coalesce(status_code, 'P') not in ('F', 'I')

),

lots as (

    select
        purchase_number,
        document_kind,
        document_id,
        document_version,
        published_at,
        unnest(lots) as lot,
        generate_subscripts(lots, 1) as lot_position
    from protocols

),

unnested as (

    select
        *,
        unnest(lot['bids']) as bid,
        generate_subscripts(lot['bids'], 1) as bid_position
    from lots

),

-- a bid stands in a protocol of each stage; what a later one states counts
stages as (

    select
        purchase_number as tender_id,
        document_kind,
        lot,
        bid,
        coalesce(lot['lot_id'], lot['lot_number'], cast(lot_position as varchar)) as lot_key,
        coalesce(bid['bid_number'], document_id || '/' || bid_position) as bid_number,
        row_number() over (
            partition by purchase_number
            order by published_at nulls first, document_version, document_id, lot_position, bid_position
        ) as stage_number
    from unnested

),

merged as (

    select
        tender_id,
        lot_key,
        bid_number,
        max(lot['lot_number']) as lot_number,
        arg_max(lot['max_price'], stage_number) as ceiling_amount,
        arg_max(bid['bid_at'], stage_number) as bid_at,
        arg_max(bid['price'], stage_number) filter (where bid['price'] is not null) as amount,
        arg_max(coalesce(bid['currency_code'], lot['currency_code']), stage_number) as currency_code,
        arg_max(bid['admission_code'], stage_number) as admission_code,
        arg_max(bid['rating'], stage_number) as rating,
        arg_max(bid['result_code'], stage_number) as result_code,
        arg_max(document_kind, stage_number) filter (
            where bid['result_code'] is not null or bid['rating'] is not null
        ) as result_kind,
        arg_max(bid['supplier_type'], stage_number) as supplier_type,
        arg_max(bid['supplier_inn'], stage_number) as supplier_inn,
        arg_max(bid['supplier_foreign_id'], stage_number) as supplier_foreign_id,
        arg_max(bid['supplier_name'], stage_number) as supplier_name,
        arg_max(bid['supplier_country_oksm_code'], stage_number) as country_oksm_code,
        arg_max(bid['supplier_country_name'], stage_number) as country_text
    from stages
    group by tender_id, lot_key, bid_number

),

-- a protocol that states no ceiling goes by the notice's
ceilings as (

    select
        tender_id,
        max(ceiling_amount) as ceiling_amount,
        bool_or(is_quantity_undefined) as is_quantity_undefined
    from {{ ref('int_lots_by_eis') }}
    group by tender_id
    having count(*) = 1

),

judged as (

    select
        'EIS' as source_system,
        merged.tender_id,
        merged.lot_key,
        merged.lot_number,
        merged.bid_number,
        merged.bid_at,
        merged.amount,
        merged.currency_code,
        coalesce(merged.ceiling_amount, ceilings.ceiling_amount) as ceiling_amount,
        case
            when merged.admission_code in ('true', 'T') then true
            when merged.admission_code in ('false', 'F') then false
        end as is_admitted,
        -- F is the winner, but in requests for quotations who offered the winner's price (16.2, Types.xsd)
        case
            when merged.result_code is null and merged.rating is null then null
            when merged.result_code in ('W', 'WIN_OFFER') then true
            when merged.result_code = 'F' then merged.result_kind <> 'purchaseProtocolZKData'
            when merged.result_code is null then merged.rating = '1'
            else false
        end as is_winner,
        -- a few roubles against a ceiling a thousand times as high are a rate per unit, not a value
        coalesce(ceilings.is_quantity_undefined, false)
        or coalesce(
            merged.amount < 100
            and coalesce(merged.ceiling_amount, ceilings.ceiling_amount) >= 1000 * merged.amount, false
        ) as is_unit_rate,
        merged.supplier_inn,
        merged.supplier_foreign_id,
        merged.supplier_name,
        merged.supplier_type,
        merged.country_oksm_code,
        merged.country_text
    from merged
    left join ceilings on merged.tender_id = ceilings.tender_id

),

bids as (

    select
        judged.source_system,
        judged.tender_id,
        judged.lot_key,
        judged.lot_number,
        judged.bid_number,
        judged.bid_at,
        judged.amount,
        judged.currency_code,
        judged.ceiling_amount,
        judged.is_admitted,
        judged.is_winner,
        judged.is_unit_rate,
        case
            when length(judged.supplier_inn) in (10, 12) then 'RU-INN'
            when
                length(coalesce(judged.supplier_foreign_id, judged.supplier_inn)) = 9
                and coalesce(by_code.country_code, by_label.country_code) = 'BLR' then 'BY-UNP'
        end as scheme,
        coalesce(judged.supplier_inn, judged.supplier_foreign_id) as identifier,
        judged.supplier_name,
        coalesce(length(judged.supplier_inn) = 12 or judged.supplier_type like 'P%', false) as is_person,
        judged.country_text,
        coalesce(by_code.country_code, by_label.country_code) as country_code
    from judged
    left join {{ ref('dim_countries') }} as by_code on judged.country_oksm_code = by_code.oksm_code
    left join {{ ref('dim_country_aliases') }} as by_label
        on {{ label_key('judged.country_text') }} = by_label.alias_key

)

select * from bids
