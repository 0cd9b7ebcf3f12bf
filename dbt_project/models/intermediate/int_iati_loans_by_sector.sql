with

loans as (

    select
        *,
        case
            when recipient_country_code is not null then [recipient_country_code]
            when len(recipient_countries) = 0 then [null]
            else list_transform(recipient_countries, lambda c: c['country_code'])
        end as countries,
        case
            when recipient_country_code is not null or len(recipient_countries) < 2
                then [cast(1 as decimal(9, 6))]
            else
                list_transform(recipient_countries, lambda c: cast(c['percentage'] * 0.01 as decimal(9, 6)))
        end as country_shares,
        list_transform(dac_sectors, lambda s: s['sector_code']) as sector_codes,
        case
            when len(dac_sectors) = 1 then [cast(1 as decimal(9, 6))]
            else list_transform(dac_sectors, lambda s: cast(s['percentage'] * 0.01 as decimal(9, 6)))
        end as sector_shares
    from {{ ref('stg_iati__transactions') }}
    where
        finance_type_code in ('410', '421')
        and transaction_type_code in ('2', '3', '5', '6')

),

-- what the shares leave of a transaction has no sector
completed as (

    select
        activity_id,
        transaction_number,
        transaction_type_code,
        transaction_date,
        transaction_value,
        currency_code,
        value_date,
        lender_org_code,
        countries,
        country_shares,
        list_append(sector_codes, null) as sector_codes,
        list_append(
            sector_shares,
            cast(
                1 - coalesce(list_sum(list_filter(sector_shares, lambda s: s is not null)), 0)
                as decimal(9, 6)
            )
        ) as sector_shares
    from loans

),

by_country as (

    select
        * exclude (countries, country_shares),
        unnest(countries) as country_code,
        coalesce(unnest(country_shares), 0) as country_share
    from completed

),

by_code as (

    select
        * exclude (sector_codes, sector_shares),
        unnest(sector_codes) as sector_code,
        coalesce(unnest(sector_shares), 0) as sector_share
    from by_country

),

shared as (

    select
        by_code.activity_id,
        by_code.transaction_number,
        by_code.transaction_type_code,
        by_code.transaction_date,
        by_code.currency_code,
        coalesce(organisations.party_code, 'unknown') as lender_code,
        coalesce(borrowers.country_code, 'unknown') as borrower_code,
        case
            when by_code.sector_code is null then 'unallocated'
            else coalesce(crosswalk.sector_id, 'other')
        end as sector_id,
        cast(
            by_code.transaction_value * by_code.country_share * by_code.sector_share
            as decimal(24, 2)
        ) as shared_value,
        case
            when by_code.currency_code = 'USD' then cast(1 as decimal(18, 12))
            else rates.usd_per_unit
        end as usd_per_unit
    from by_code
    left join {{ ref('iati_organisations') }} as organisations
        on by_code.lender_org_code = organisations.org_code
    left join {{ ref('dim_countries') }} as borrowers
        on upper(by_code.country_code) = borrowers.alpha2_code
    left join {{ ref('sector_crosswalk') }} as crosswalk
        on
            by_code.sector_code = crosswalk.code_prefix
            and crosswalk.scheme = 'DAC'
    left join {{ ref('int_rates_by_period') }} as rates
        on
            strftime(by_code.value_date, '%Y-%m') = rates.period
            and rates.frequency = 'M'
            and by_code.currency_code = rates.currency_code
    where by_code.country_share * by_code.sector_share > 0

),

iati_loans_by_sector as (

    select
        activity_id,
        lender_code,
        borrower_code,
        sector_id,
        strftime(transaction_date, '%Y-%m') as period,
        currency_code,
        sum({{ in_usd('shared_value') }}) filter (where transaction_type_code = '2') as committed_usd,
        sum({{ in_usd('shared_value') }}) filter (where transaction_type_code = '3') as disbursed_usd,
        sum({{ in_usd('shared_value') }}) filter (where transaction_type_code = '6') as repaid_usd,
        sum({{ in_usd('shared_value') }}) filter (where transaction_type_code = '5') as interest_usd
    from shared
    group by
        activity_id, lender_code, borrower_code, sector_id, strftime(transaction_date, '%Y-%m'), currency_code

)

select * from iati_loans_by_sector
