-- noqa: disable=RF03
{# fields of structs look like qualified names to the linter #}
{% set none_of_an_award = "'pending', 'cancelled', 'unsuccessful', 'disqualified'" %}

with

unnested as (

    select
        ocid,
        publisher_name,
        unnest(awards) as award,
        generate_subscripts(awards, 1) as award_number
    from {{ ref('int_ocds_compiled_releases') }}

),

awards_by_process as (

    select
        ocid,
        cast(award_number as integer) as award_number,
        publisher_name,
        award.award_id,
        award.title as award_title,
        award.status as award_status,
        coalesce(lower(trim(award.status)) not in ({{ none_of_an_award }}), true) as is_counted,
        award.award_at,
        award.value_amount as award_value_amount,
        {{ currency_code('award.value_currency') }} as award_value_currency,
        cast(coalesce(len(award.suppliers), 0) as integer) as supplier_count,
        award.lot_ids
    from unnested

)

select * from awards_by_process
