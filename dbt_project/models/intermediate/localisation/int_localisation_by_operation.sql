{#
    Operations of a product at each date on which anything about it changed, with their points and
    where they count: in the country's own territory, or in one that it recognises. Empty ends are open.
#}
{%- set day -%}
    cast(nullif(valid_from, '') as date) as from_date,
        cast(nullif(valid_to, '') as date) as to_date
{%- endset -%}

with

records as (

    select
        * exclude (is_example),
        cast(is_example as boolean) as is_example,
        {{ day }}
    from {{ ref('localisation_records') }}

),

operations as (

    select
        rule_id,
        operation_id,
        cast(points as decimal(18, 6)) as points,
        cast(is_example as boolean) as is_example,
        {{ day }}
    from {{ ref('localisation_operations') }}

),

recognitions as (

    select
        rule_id,
        nullif(operation_id, '') as operation_id,
        territory_country_code,
        recognised_country_code,
        cast(is_example as boolean) as is_example,
        {{ day }}
    from {{ ref('localisation_recognitions') }}

),

rules as (

    select
        rule_id,
        {{ day }}
    from {{ ref('localisation_rules') }}

),

spans as (

    {% for table in ['records', 'operations', 'recognitions', 'rules'] -%}
        select
            rule_id,
            from_date,
            to_date
        from {{ table }}
        {% if not loop.last -%} union all {%- endif %}
    {% endfor %}

),

changes as (

    select
        rule_id,
        from_date as as_of_date
    from spans

    union

    select
        rule_id,
        cast(to_date + 1 as date) as as_of_date
    from spans
    where to_date is not null

),

performed as (

    select
        records.product_id,
        records.country_code,
        records.rule_id,
        records.operation_id,
        records.territory_country_code,
        changes.as_of_date,
        operations.points,
        records.is_example or operations.is_example as is_example
    from records
    inner join changes
        on
            records.rule_id = changes.rule_id
            and changes.as_of_date between records.from_date and coalesce(records.to_date, date '9999-12-31')
    inner join operations
        on
            records.rule_id = operations.rule_id
            and records.operation_id = operations.operation_id
            and changes.as_of_date
            between operations.from_date and coalesce(operations.to_date, date '9999-12-31')

),

-- an operation that is performed in several places counts once
localisation_by_operation as (

    select
        performed.product_id,
        performed.country_code,
        performed.rule_id,
        performed.operation_id,
        performed.as_of_date,
        performed.points,
        bool_or(performed.territory_country_code = performed.country_code) as is_own,
        bool_or(recognitions.rule_id is not null) as is_recognised,
        bool_or(performed.is_example or coalesce(recognitions.is_example, false)) as is_example
    from performed
    left join recognitions
        on
            performed.rule_id = recognitions.rule_id
            and performed.operation_id = coalesce(recognitions.operation_id, performed.operation_id)
            and performed.territory_country_code = recognitions.territory_country_code
            and performed.country_code = recognitions.recognised_country_code
            and performed.as_of_date
            between recognitions.from_date and coalesce(recognitions.to_date, date '9999-12-31')
    group by
        performed.product_id, performed.country_code, performed.rule_id, performed.operation_id,
        performed.as_of_date, performed.points

)

select * from localisation_by_operation
