with

source as (

    select * from {{ source('accepted', 'loans_iati_activities') }}

),

unnested as (

    select
        reporting_org_code,
        activity_id,
        default_finance_type_code,
        recipient_countries,
        sectors,
        generate_subscripts(transactions, 1) as transaction_number,
        unnest(transactions) as item
    from source

),

renamed as (

    select
        reporting_org_code,
        activity_id,
        cast(transaction_number as integer) as transaction_number,
        item['transaction_type_code'] as transaction_type_code,
        item['transaction_date'] as transaction_date,
        item['value'] as transaction_value,
        item['currency_code'] as currency_code,
        coalesce(item['value_date'], item['transaction_date']) as value_date,
        -- what a transaction does not tell is that of its activity
        coalesce(item['finance_type_code'], default_finance_type_code) as finance_type_code,
        coalesce(item['provider_org_code'], reporting_org_code) as lender_org_code,
        item['provider_org_name'] as lender_org_name,
        item['recipient_country_code'] as recipient_country_code,
        coalesce(recipient_countries, []) as recipient_countries,
        list_filter(
            case when len(item['sectors']) > 0 then item['sectors'] else coalesce(sectors, []) end,
            lambda s: s['vocabulary_code'] is null or s['vocabulary_code'] in ('1', 'DAC')
        ) as dac_sectors
    from unnested

)

select * from renamed
