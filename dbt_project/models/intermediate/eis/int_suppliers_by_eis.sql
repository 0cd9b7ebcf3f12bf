with

awards as (

    select * from {{ ref('int_awards_by_eis') }}

),

contracts as (

    select * from {{ ref('stg_eis__contracts') }}

),

listed as (

    select
        awards.award_id,
        unnest(contracts.suppliers) as supplier,
        generate_subscripts(contracts.suppliers, 1) as supplier_position
    from awards
    inner join contracts
        on
            awards.document_kind = contracts.document_kind
            and awards.document_id = contracts.document_id
            and awards.document_version = contracts.document_version

),

unnested as (

    select
        award_id,
        supplier_position,
        supplier,
        supplier['country_name'] as country_text
    from listed

),

suppliers as (

    select
        'EIS' as source_system,
        unnested.award_id,
        cast(unnested.supplier_position as integer) as supplier_position,
        case
            when length(unnested.supplier['inn']) in (10, 12) then 'RU-INN'
            when
                length(coalesce(unnested.supplier['foreign_id'], unnested.supplier['inn'])) = 9
                and coalesce(by_code.country_code, by_label.country_code) = 'BLR' then 'BY-UNP'
        end as scheme,
        coalesce(unnested.supplier['inn'], unnested.supplier['foreign_id']) as identifier,
        unnested.supplier['supplier_name'] as supplier_name,
        coalesce(
            length(unnested.supplier['inn']) = 12
            or unnested.supplier['supplier_type'] like 'P%'
            or unnested.supplier['is_individual'],
            false
        ) as is_person,
        unnested.supplier['is_non_resident'] as is_non_resident,
        unnested.country_text,
        coalesce(by_code.country_code, by_label.country_code) as country_code
    from unnested
    left join {{ ref('dim_countries') }} as by_code
        on unnested.supplier['country_oksm_code'] = by_code.oksm_code
    left join {{ ref('dim_country_aliases') }} as by_label
        on {{ label_key('unnested.country_text') }} = by_label.alias_key

)

select * from suppliers
