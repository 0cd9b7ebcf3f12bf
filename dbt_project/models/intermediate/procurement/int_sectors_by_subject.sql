{# Shares of a subject by sector: by item values where every item has one, else each item alike. #}
with

items as (

    select
        *,
        case
            when
                count(amount) over (partition by subject_id) = count(*) over (partition by subject_id)
                and sum(amount) over (partition by subject_id) > 0
                then cast(amount as double) / cast(sum(amount) over (partition by subject_id) as double)
            else 1.0 / count(*) over (partition by subject_id)
        end as item_share
    from {{ ref('int_items_by_subject') }}

),

mapped as (

    select
        items.subject_id,
        coalesce(sectors.sector_id, 'unallocated') as sector_id,
        items.item_share * coalesce(sectors.weight, 1) as sector_share,
        coalesce(sectors.is_unambiguous, false) as is_unambiguous
    from items
    left join {{ ref('int_sectors_by_item_code') }} as sectors
        on
            items.scheme = sectors.scheme
            and items.code = sectors.source_code
            and items.code_year = sectors.code_year

),

sectors_by_subject as (

    select
        subject_id,
        sector_id,
        round(sum(sector_share), 9) as sector_share,
        round(coalesce(sum(sector_share) filter (where is_unambiguous), 0), 9) as unambiguous_share
    from mapped
    group by subject_id, sector_id

)

select * from sectors_by_subject
