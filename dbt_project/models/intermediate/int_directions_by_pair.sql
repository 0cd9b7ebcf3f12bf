with

pairs as (

    select * from {{ ref('int_pairs_by_configuration') }}

),

directions as (

    select
        pair_id,
        'first to second' as direction,
        first_country_code as from_country_code,
        second_country_code as to_country_code
    from pairs

    union all

    select
        pair_id,
        'second to first' as direction,
        second_country_code as from_country_code,
        first_country_code as to_country_code
    from pairs

)

select * from directions
