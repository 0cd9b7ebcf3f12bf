with

flows as (

    select
        *,
        committed_to_date is not null and disbursed_to_date is not null as tells_utilisation,
        committed_to_date - coalesce(cancelled_to_date, 0) as available_to_date
    from {{ ref('fct_loan_flows') }}

),

added_up as (

    select
        lender_code,
        borrower_code,
        sector_id,
        period,
        frequency,
        source_dataset,
        count(distinct loan_id) as loan_count,
        max(flows_from_date) as flows_from_date,
        cast(sum(committed_usd) as decimal(20, 2)) as committed_usd,
        cast(sum(disbursed_usd) as decimal(20, 2)) as disbursed_usd,
        cast(sum(repaid_usd) as decimal(20, 2)) as repaid_usd,
        cast(sum(repaid_usd) filter (where instrument_code = 'bilateral') as decimal(20, 2))
            as repaid_bilateral_usd,
        cast(sum(repaid_usd) filter (where instrument_code = 'commercial_bank') as decimal(20, 2))
            as repaid_commercial_usd,
        cast(sum(interest_usd) as decimal(20, 2)) as interest_usd,
        cast(sum(interest_usd) filter (where instrument_code = 'bilateral') as decimal(20, 2))
            as interest_bilateral_usd,
        cast(sum(interest_usd) filter (where instrument_code = 'commercial_bank') as decimal(20, 2))
            as interest_commercial_usd,
        cast(sum(outstanding_usd) as decimal(20, 2)) as outstanding_usd,
        cast(sum({{ in_usd('committed_to_date') }}) as decimal(20, 2)) as committed_to_date_usd,
        cast(sum({{ in_usd('cancelled_to_date') }}) as decimal(20, 2)) as cancelled_to_date_usd,
        cast(sum({{ in_usd('disbursed_to_date') }}) as decimal(20, 2)) as disbursed_to_date_usd,
        cast(sum({{ in_usd('repaid_to_date') }}) as decimal(20, 2)) as repaid_to_date_usd,
        -- shares are of amounts in one currency; of several they are told in dollars
        count(distinct currency_code) = 1 as has_one_currency,
        sum(disbursed_to_date) filter (where tells_utilisation) as drawn_own,
        sum(available_to_date) filter (where tells_utilisation) as available_own,
        sum({{ in_usd('disbursed_to_date') }}) filter (where tells_utilisation) as drawn_usd,
        sum({{ in_usd('available_to_date') }}) filter (where tells_utilisation) as available_usd,
        sum(disbursed_to_date) filter (where tells_utilisation and elapsed_share is not null)
            as paced_drawn_own,
        sum(available_to_date) filter (where tells_utilisation and elapsed_share is not null)
            as paced_available_own,
        sum(cast(available_to_date * elapsed_share as decimal(28, 6)))
        filter (where tells_utilisation) as elapsed_own,
        bool_or(is_projection) as is_projection,
        max(last_actual_year) as last_actual_year,
        min(crosswalk_mass) as crosswalk_mass
    from flows
    group by lender_code, borrower_code, sector_id, period, frequency, source_dataset

),

ranked as (

    select
        *,
        case source_dataset
            when 'loans_ids_flows' then 1
            when 'loans_worldbank_statements' then 2
            when 'loans_iati_activities' then 3
            else 4
        end as source_rank
    from added_up

),

-- datasets tell of the same loans: for each lender and borrower the publisher's own counts
with_shares as (

    select
        *,
        min(source_rank) over (partition by lender_code, borrower_code, frequency) as best_rank,
        case when has_one_currency then drawn_own else drawn_usd end as drawn,
        case when has_one_currency then available_own else available_usd end as available
    from ranked

),

loans_by_sector as (

    select
        *,
        case
            when available > 0
                then
                    cast(
                        {{ divide_exact('drawn', 'available', 6) }} as decimal(18, 6)
                    )
        end as utilisation,
        -- drawn / (available x elapsed share), which is utilisation / elapsed share
        case
            when has_one_currency and elapsed_own > 0
                then
                    cast(
                        {{ divide_exact('paced_drawn_own', 'elapsed_own', 6) }} as decimal(18, 6)
                    )
        end as pace
    from with_shares
    where source_rank = best_rank

)

select * from loans_by_sector
