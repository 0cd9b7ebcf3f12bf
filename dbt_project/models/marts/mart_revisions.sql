with

revisions as (

    select
        dataset,
        slice as slice_key,
        load_id,
        decision_no,
        decided_at,
        former_load_ids,
        rows_before,
        rows_after,
        rows_added,
        rows_removed,
        rows_changed,
        measure_name,
        measure_unit,
        value_before,
        value_after,
        cast(coalesce(value_after, 0) - coalesce(value_before, 0) as decimal(38, 6)) as value_change,
        measures
    from {{ source('accepted', 'revisions') }}

)

select * from revisions
