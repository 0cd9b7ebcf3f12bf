{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget(touched_exactly('period')) }}",
    meta={'touched_exactly_by': 'period'}
) }}

{%- set flow_key = 'source_dataset, reporter_code, partner_code, flow_code, frequency, period' -%}
{%- set levels = [8, 6, 4, 2, 0] -%}

with

trade_rows as (

    select
        *,
        length(code) + length(code) % 2 as code_level
    from {{ ref('int_trade_rows_by_source') }}
    where {{ touched_exactly('period') }}

),

-- flows of which several levels of the classification stand side by side
mixed_flows as (

    select {{ flow_key }}
    from trade_rows
    group by {{ flow_key }}
    having min(code_level) < max(code_level)

),

mixed_rows as (

    select trade_rows.*
    from trade_rows
    inner join mixed_flows using ({{ flow_key }})

),

-- from the finest level to the coarsest: what a code's parts add up to, and what the code itself
-- says; a code stands for the greater of the two in the level above
level_10 as (

    select
        {{ flow_key }},
        code,
        value_original as own_value,
        cast(null as decimal(24, 3)) as parts_value,
        value_original as whole_value,
        1 as part_count
    from mixed_rows
    where code_level = 10

),

{% for level in levels -%}
    parts_of_level_{{ level }} as (

        select
            {{ flow_key }},
            left(code, {{ level }}) as code,
            cast(sum(whole_value) as decimal(24, 3)) as parts_value,
            cast(sum(part_count) as integer) as part_count
        from level_{{ level + 2 }}
        group by {{ flow_key }}, left(code, {{ level }})

    ),

    rows_of_level_{{ level }} as (

        select
            {{ flow_key }},
            code,
            value_original as own_value
        from mixed_rows
        where code_level = {{ level }}

    ),

    level_{{ level }} as (

        select
            {{ flow_key }},
            code,
            own_rows.own_value,
            parts.parts_value,
            greatest(own_rows.own_value, parts.parts_value) as whole_value,
            coalesce(parts.part_count, 1) as part_count
        from rows_of_level_{{ level }} as own_rows
        full outer join parts_of_level_{{ level }} as parts using ({{ flow_key }}, code)

    ),

{% endfor -%}
every_level as (

    select * from level_10
    {% for level in levels -%}
        union all
        select * from level_{{ level }}
    {% endfor %}
),

-- a code keeps what its parts do not explain; half a unit for each part is rounding
unexplained as (

    select
        {{ flow_key }},
        code,
        own_value - coalesce(parts_value, 0) as unexplained_value,
        parts_value is not null as has_parts
    from every_level
    where
        own_value is not null
        and (parts_value is null or own_value - parts_value > 0.5 * (part_count + 1))

),

counted_once as (

    select
        trade_rows.*,
        trade_rows.value_original as counted_value,
        false as is_remainder
    from trade_rows
    anti join mixed_flows using ({{ flow_key }})

    union all

    select
        mixed_rows.*,
        unexplained.unexplained_value as counted_value,
        unexplained.has_parts as is_remainder
    from mixed_rows
    inner join unexplained using ({{ flow_key }}, code)

),

flows_by_source as (

    select
        counted_once.source_dataset,
        sources.source_kind,
        counted_once.reporter_code,
        counted_once.partner_code,
        counted_once.flow_code,
        counted_once.frequency,
        counted_once.period,
        counted_once.classification_code,
        'HS' as code_scheme,
        counted_once.code_year,
        case when counted_once.code = '' then 'TOTAL' else counted_once.code end as commodity_code,
        counted_once.counted_value as value_original,
        counted_once.currency_code,
        counted_once.valuation_code,
        case when not counted_once.is_remainder then counted_once.net_weight_kg end as net_weight_kg,
        counted_once.is_remainder,
        counted_once.code = '' and not counted_once.is_remainder as is_total,
        counted_once.is_added_up
    from counted_once
    inner join {{ ref('trade_sources') }} as sources
        on counted_once.source_dataset = sources.source_dataset

)

select * from flows_by_source
