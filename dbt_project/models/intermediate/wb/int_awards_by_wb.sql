with

contracts as (

    select
        *,
        row_number() over (
            partition by as_of_date, contract_number
            order by supplier_name nulls last, supplier_number, supplier_country_name
        ) as supplier_position
    from {{ ref('stg_wb__contracts') }}
    qualify as_of_date = max(as_of_date) over ()

),

awards as (

    select
        'WB' as source_system,
        contracts.contract_number as award_id,
        cast(contracts.supplier_position as integer) as supplier_position,
        contracts.project_id as tender_id,
        contracts.signed_date as award_date,
        contracts.contract_description as award_name,
        contracts.procurement_category,
        contracts.procurement_method as method_name,
        contracts.supplier_amount_usd,
        -- the older layout repeats the whole amount with each supplier: it counts with the first
        case when contracts.supplier_position = 1 then contracts.contract_amount_usd end
            as contract_amount_usd,
        contracts.borrower_country_name as buyer_country_text,
        buyers.country_code as buyer_country_code,
        cast(null as varchar) as scheme,
        contracts.supplier_number as identifier,
        contracts.supplier_name,
        contracts.supplier_country_name as country_text,
        suppliers.country_code
    from contracts
    left join {{ ref('dim_country_aliases') }} as buyers
        on {{ label_key('contracts.borrower_country_name') }} = buyers.alias_key
    left join {{ ref('dim_country_aliases') }} as suppliers
        on {{ label_key('contracts.supplier_country_name') }} = suppliers.alias_key

)

select * from awards
