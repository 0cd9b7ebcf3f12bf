-- noqa: disable=AM04
{{ config(materialized='view') }}

with

single as (

    select * from {{ ref('int_ocds_releases_by_process') }}
    where release_count = 1

),

merged as (

    select * from {{ ref('int_ocds_merged_releases') }}

),

compiled_releases as (

    select * from single
    union all by name
    select * from merged

)

select * from compiled_releases
