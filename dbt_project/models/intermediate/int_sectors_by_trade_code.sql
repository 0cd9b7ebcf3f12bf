{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

with

met as (

    select distinct
        code_scheme as scheme,
        commodity_code as source_code,
        code_year
    from {{ ref('int_trade_flows_by_source') }}
    where {{ touched_exactly('period') }}

),

source_codes as (

    select met.*
    from met
    {% if is_kept_up() %}
        -- what is known is read the same until the crosswalk changes, and then all is made anew
        anti join {{ this }} as known
            on
                met.scheme = known.scheme
                and met.source_code = known.source_code
                and met.code_year = known.code_year
    {% endif %}

),

{{ sectors_by_prefix('source_codes') }}

select * from sectors_by_prefix
