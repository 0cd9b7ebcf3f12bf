{{ config(tags=['explains_procurement']) }}

with

parts as (

    select
        procurement.*,
        suppliers.shown_id,
        suppliers.is_organisation
    from {{ ref('lineage_procurement_rows') }} as procurement
    inner join {{ ref('int_suppliers_by_party') }} as suppliers
        on procurement.supplier_id = suppliers.party_id
    where procurement.is_valid and procurement.supplier_id <> 'unknown'

),

-- who bids for several lots of a process, or wins several, counts once in it: with its greatest part
counted as (

    select
        *,
        row_number() over (
            partition by
                what, source_dataset, process_id, supplier_id, supplier_country_code, buyer_country_code,
                sector_id, period
            order by is_first desc, bid_part + award_part desc, part_key asc, part_number asc
        ) = 1 as is_greatest
    from parts

),

-- keys of bids hold the number of the supplier, who may be a natural person
participation_rows as (

    select
        source_dataset,
        load_id,
        row_number,
        case
            when not is_first then 'tells the same'
            when what = 'bid' and not is_greatest then 'another bid in the process'
            else 'counted'
        end as counted_as,
        concat_ws(' ', what, case when is_organisation then part_key else md5(part_key) end, part_number)
            as part,
        case when not is_organisation then true end as is_withheld,
        shown_id as supplier_id,
        supplier_country_code,
        buyer_country_code,
        sector_id,
        period,
        case when what = 'bid' and is_first and is_greatest then bid_part end as bid_part,
        case when what = 'award' and is_first and is_greatest then award_part end as win_part,
        case when what = 'award' and is_first then award_part end as award_part,
        case when what = 'award' and is_first then value_usd end as value_usd
    from counted

)

select * from participation_rows
