{#
    The last whole year before an event and the first after it, of each pair, direction and sector. The
    years in which the event may lie are left out. Nothing here says that the event caused anything.
#}
with

events as (

    select
        event_id,
        name_en as event_name_en,
        cast(earliest_date as date) as earliest_date,
        cast(latest_date as date) as latest_date,
        nullif(sector_id, '') as event_sector_id,
        cast(extract('year' from cast(earliest_date as date)) as integer) - 1 as year_before,
        cast(extract('year' from cast(latest_date as date)) as integer) + 1 as year_after
    from {{ ref('policy_events') }}

),

-- an event that names no sector is shown for all
event_sectors as (

    select distinct
        events.*,
        leaves.leaf_sector_id as sector_id
    from events
    inner join {{ ref('dim_sector_leaves') }} as leaves
        on coalesce(events.event_sector_id, leaves.leaf_sector_id) = leaves.sector_id

),

cells as (

    select
        pair_id,
        'first to second' as direction,
        sector_id,
        cast(period as integer) as year_number,
        exports_first_to_second_usd as exports_usd,
        exports_first_to_second_month_count as month_count,
        exports_first_to_second_coverage as exports_coverage,
        awards_first_at_second_count as award_count,
        awards_first_at_second_coverage as awards_coverage,
        refused_row_count
    from {{ ref('mart_sector_cooperation') }}

    union all

    select
        pair_id,
        'second to first' as direction,
        sector_id,
        cast(period as integer) as year_number,
        exports_second_to_first_usd as exports_usd,
        exports_second_to_first_month_count as month_count,
        exports_second_to_first_coverage as exports_coverage,
        awards_second_at_first_count as award_count,
        awards_second_at_first_coverage as awards_coverage,
        refused_row_count
    from {{ ref('mart_sector_cooperation') }}

),

-- against the year before, where both are whole
grown as (

    select
        cells.*,
        case
            when cells.month_count = 12 and year_before.month_count = 12
                then cells.exports_usd / nullif(year_before.exports_usd, 0) - 1
        end as exports_growth
    from cells
    left join cells as year_before
        on
            cells.pair_id = year_before.pair_id
            and cells.direction = year_before.direction
            and cells.sector_id = year_before.sector_id
            and cells.year_number = year_before.year_number + 1

),

directions as (

    select unnest(['first to second', 'second to first']) as direction

),

spine as (

    select
        pairs.pair_id,
        pairs.first_country_code,
        pairs.second_country_code,
        directions.direction,
        event_sectors.*
    from {{ ref('int_pairs_by_configuration') }} as pairs
    cross join directions
    cross join event_sectors

),

policy_events as (

    select
        spine.pair_id,
        spine.first_country_code,
        spine.second_country_code,
        spine.event_id,
        spine.event_name_en,
        spine.earliest_date,
        spine.latest_date,
        spine.sector_id,
        spine.direction,
        cast(spine.year_before as varchar) as period_before,
        cast(spine.year_after as varchar) as period_after,
        earlier.exports_usd as exports_before_usd,
        later.exports_usd as exports_after_usd,
        cast(
            case
                when earlier.month_count = 12 and later.month_count = 12
                    then later.exports_usd / nullif(earlier.exports_usd, 0) - 1
            end as decimal(18, 6)
        ) as exports_change,
        cast(earlier.exports_growth as decimal(18, 6)) as exports_growth_before,
        cast(after_next.exports_growth as decimal(18, 6)) as exports_growth_after,
        coalesce(earlier.exports_coverage, 'no data') as exports_coverage_before,
        coalesce(later.exports_coverage, 'no data') as exports_coverage_after,
        earlier.award_count as award_count_before,
        later.award_count as award_count_after,
        coalesce(earlier.awards_coverage, 'no data') as awards_coverage_before,
        coalesce(later.awards_coverage, 'no data') as awards_coverage_after,
        earlier.refused_row_count as refused_row_count_before,
        later.refused_row_count as refused_row_count_after
    from spine
    left join grown as earlier
        on
            spine.pair_id = earlier.pair_id
            and spine.direction = earlier.direction
            and spine.sector_id = earlier.sector_id
            and spine.year_before = earlier.year_number
    left join grown as later
        on
            spine.pair_id = later.pair_id
            and spine.direction = later.direction
            and spine.sector_id = later.sector_id
            and spine.year_after = later.year_number
    -- growth after an event is between two years that both lie behind it
    left join grown as after_next
        on
            spine.pair_id = after_next.pair_id
            and spine.direction = after_next.direction
            and spine.sector_id = after_next.sector_id
            and spine.year_after + 1 = after_next.year_number

)

select * from policy_events
