-- empty until the points of a rule and the operations of a product are documented: see the seeds
with

points as (

    select
        product_id,
        country_code,
        rule_id,
        as_of_date,
        coalesce(sum(points) filter (where is_own), 0) as own_points,
        coalesce(sum(points) filter (where is_own or is_recognised), 0) as union_points,
        cast(count(*) as integer) as operation_count,
        bool_or(is_example) as is_example
    from {{ ref('int_localisation_by_operation') }}
    group by product_id, country_code, rule_id, as_of_date

),

products as (

    select distinct
        product_id,
        country_code,
        rule_id,
        product_name_en,
        product_code,
        nullif(enterprise_id, '') as enterprise_id
    from {{ ref('localisation_records') }}

),

rules as (

    select
        rule_id,
        scheme,
        cast(threshold_points as decimal(18, 6)) as threshold_points,
        cast(valid_from as date) as from_date,
        cast(coalesce(nullif(valid_to, ''), '9999-12-31') as date) as to_date,
        cast(is_example as boolean) as is_example
    from {{ ref('localisation_rules') }}

),

-- points without a threshold in force on the day say nothing
valued as (

    select
        points.*,
        products.product_name_en,
        products.product_code,
        products.enterprise_id,
        rules.scheme,
        rules.threshold_points,
        rules.is_example or points.is_example as is_any_example,
        cast(extract('year' from points.as_of_date) as integer) as code_year
    from points
    inner join products
        on
            points.product_id = products.product_id
            and points.country_code = products.country_code
            and points.rule_id = products.rule_id
    inner join rules
        on
            points.rule_id = rules.rule_id
            and points.as_of_date between rules.from_date and rules.to_date

),

codes as (

    select distinct
        scheme,
        product_code as source_code,
        code_year
    from valued

),

{{ sectors_by_prefix('codes') }},

localisation as (

    select
        valued.product_id,
        valued.product_name_en,
        valued.enterprise_id,
        valued.country_code,
        coalesce(sectors.sector_id, 'unallocated') as sector_id,
        valued.as_of_date,
        valued.rule_id,
        valued.threshold_points,
        cast(valued.own_points as decimal(18, 6)) as own_points,
        cast(valued.union_points as decimal(18, 6)) as union_points,
        cast(valued.union_points - valued.own_points as decimal(18, 6)) as union_gain_points,
        cast(valued.union_points / nullif(valued.threshold_points, 0) as decimal(18, 6)) as localisation,
        valued.union_points >= valued.threshold_points as is_eligible,
        valued.own_points >= valued.threshold_points as is_eligible_alone,
        valued.operation_count,
        case when valued.is_any_example then 'example' else 'documented' end as coverage
    from valued
    left join sectors_by_prefix as sectors
        on
            valued.scheme = sectors.scheme
            and valued.product_code = sectors.source_code
            and valued.code_year = sectors.code_year
            and sectors.weight = 1

)

select * from localisation
