-- noqa: disable=AM04
with

releases as (

    select * from {{ ref('stg_ocds__releases') }}

),

-- what a release says, whoever passed it on: the same release of two packages is one
keyed as (

    select
        _unit_id,
        _row,
        ocid,
        published_at,
        is_compiled,
        hash(
            release_id, published_at, tags, is_compiled, deleted_paths, buyer_id, buyer_name,
            buyer_identifier, procuring_entity_id, procuring_entity_name, parties, tender_id, tender_title,
            tender_status, tender_method, tender_value_amount, tender_value_currency, tender_end_at,
            tenderer_count, tenderers, tender_lots, tender_items, bids, awards, contracts
        ) as content_hash
    -- not from the expression above: one that is read twice would be held in memory
    from {{ ref('stg_ocds__releases') }}

),

ranked as (

    select
        *,
        row_number() over (partition by ocid, content_hash order by _unit_id, _row) as copy_number,
        row_number() over (
            partition by ocid, is_compiled order by published_at desc nulls last, _unit_id desc, _row desc
        ) as recency,
        count(*) filter (where is_compiled) over (partition by ocid) as compiled_count,
        max(published_at) filter (where is_compiled) over (partition by ocid) as compiled_at
    from keyed

),

-- a compiled release holds all that was released up to its date
chosen as (

    select *
    from ranked
    where
        copy_number = 1
        and case
            when is_compiled then recency = 1
            else compiled_count = 0 or compiled_at is null or published_at > compiled_at
        end

),

ordered as (

    select
        _unit_id,
        _row,
        row_number() over (
            partition by ocid
            order by is_compiled desc, published_at asc nulls first, _unit_id asc, _row asc
        ) as merge_position,
        count(*) over (partition by ocid) as release_count
    from chosen

),

releases_by_process as (

    select
        releases.*,
        ordered.merge_position,
        ordered.release_count
    from releases
    inner join ordered on releases._unit_id = ordered._unit_id and releases._row = ordered._row

)

select * from releases_by_process
