with recursive

-- a parent's leaves are those of its children; a leaf is its own
descents as (

    select
        sector_id,
        sector_id as leaf_sector_id,
        parent_sector_id,
        0 as steps
    from {{ ref('dim_sectors') }}
    where is_leaf

    union all

    select
        parents.sector_id,
        descents.leaf_sector_id,
        parents.parent_sector_id,
        descents.steps + 1 as steps
    from descents
    inner join {{ ref('dim_sectors') }} as parents on descents.parent_sector_id = parents.sector_id
    -- parents that lead back to themselves must not turn for ever; the tests report them
    where descents.steps < 10

),

sector_leaves as (

    select
        sector_id,
        leaf_sector_id,
        cast(steps as integer) as levels_between,
        parent_sector_id is null as is_top
    from descents

)

select * from sector_leaves
