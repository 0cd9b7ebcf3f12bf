{#
    Which rules a code of a purchase falls under. A code that ends above a rule's prefix may or may not
    hold what the rule means: is_above. Exceptions of a rule are taken out by their prefixes.
#}
with

codes as (

    select distinct
        'OKPD2' as scheme,
        okpd2_code as source_code,
        {{ trim_code("'OKPD2'", 'okpd2_code') }} as code
    from {{ ref('stg_eis__lots') }}
    where okpd2_code is not null

),

rules as (

    select
        rule_id,
        buyer_country_code,
        scheme,
        {{ trim_code('scheme', 'code_prefix') }} as code_prefix,
        string_split(nullif(excepted_prefixes, ''), '|') as excepted_prefixes,
        restriction_kind,
        cast(is_narrower as boolean) as is_narrower,
        nullif(exempt_group_id, '') as exempt_group_id,
        cast(valid_from as date) as valid_from_date,
        cast(nullif(valid_to, '') as date) as valid_to_date
    from {{ ref('access_rules') }}

),

matches as (

    select
        codes.scheme,
        codes.source_code,
        rules.rule_id,
        rules.buyer_country_code,
        rules.restriction_kind,
        rules.is_narrower,
        rules.exempt_group_id,
        rules.valid_from_date,
        rules.valid_to_date,
        not {{ code_starts_with('codes.code', 'rules.code_prefix') }} as is_above,
        coalesce(
            len(
                list_filter(
                    rules.excepted_prefixes,
                    excepted -> {{ code_starts_with('codes.code', 'excepted') }}
                )
            ) > 0,
            false
        ) as is_excepted
    from codes
    inner join rules
        on
            codes.scheme = rules.scheme
            and codes.code <> ''
            and (
                {{ code_starts_with('codes.code', 'rules.code_prefix') }}
                or {{ code_starts_with('rules.code_prefix', 'codes.code') }}
            )

),

rules_by_code as (

    select
        scheme,
        source_code,
        rule_id,
        buyer_country_code,
        restriction_kind,
        is_narrower,
        exempt_group_id,
        valid_from_date,
        valid_to_date,
        is_above
    from matches
    where not is_excepted

)

select * from rules_by_code
