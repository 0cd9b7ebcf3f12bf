-- Matching gives each supplier of EIS the country that the bids are counted under; unknown ones may be told.
with

parties as (

    select
        process_id as lot_id,
        party_country_code as supplier_country_code
    from {{ ref('int_parties_by_identity') }}
    where source_dataset = 'procurement_eis_bids'

),

missing as (

    select
        lot_id,
        supplier_country_code
    from {{ ref('int_bids_by_lot') }}
    where supplier_country_code <> 'unknown'

    except

    select * from parties

)

select * from missing
