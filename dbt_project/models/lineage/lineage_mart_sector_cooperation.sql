{{ config(tags=['explains_cooperation']) }}

{#- What is told of each domain: its lineage, the two sides of a direction, and measures. -#}
{%- set domains = [
    {
        'figure': 'exports_first_to_second', 'back': 'exports_second_to_first',
        'rows': ref('lineage_mart_trade_mirror'), 'if': 'told.is_best_side',
        'from': 'exporter_code', 'to': 'importer_code', 'measures': {
            'value_original': 'told.value_original', 'currency_code': 'told.currency_code',
            'usd_per_unit': 'told.usd_per_unit'
        }
    },
    {
        'figure': 'awards_first_at_second', 'back': 'awards_second_at_first',
        'rows': ref('lineage_mart_sector_procurement'), 'if': 'true',
        'from': 'supplier_country_code', 'to': 'buyer_country_code',
        'measures': {'award_part': 'told.award_part', 'award_value_usd': 'told.value_usd'}
    },
    {
        'figure': 'loans_first_to_second', 'back': 'loans_second_to_first',
        'rows': ref('lineage_fct_loan_flows'), 'if': "told.frequency = 'A'",
        'from': 'lender_code', 'to': 'borrower_code', 'measures': {
            'currency_code': 'told.currency_code', 'usd_per_unit': 'told.usd_per_unit',
            'repaid': 'told.repaid_own', 'interest': 'told.interest_own'
        }
    }
] -%}
{%- set measures = {
    'value_original': 'decimal(24, 3)', 'currency_code': 'varchar', 'usd_per_unit': 'decimal(18, 12)',
    'award_part': 'double', 'award_value_usd': 'double', 'repaid': 'decimal(20, 2)', 'interest': 'decimal(20, 2)'
} -%}

with

cooperation_rows as (

    {% for domain in domains -%}
        select
            {% for measure, kind in measures.items() -%}
                cast({{ domain['measures'].get(measure, 'null') }} as {{ kind }}) as {{ measure }},
            {% endfor -%}
            told.source_dataset,
            told.load_id,
            told.row_number,
            told.counted_as,
            told.part,
            directions.pair_id,
            told.sector_id,
            left(told.period, 4) as period,
            case directions.direction
                when 'first to second' then '{{ domain['figure'] }}'
                else '{{ domain['back'] }}'
            end as figure
        from {{ domain['rows'] }} as told
        inner join {{ ref('int_directions_by_pair') }} as directions
            on
                told.{{ domain['from'] }} = directions.from_country_code
                and told.{{ domain['to'] }} = directions.to_country_code
        where {{ domain['if'] }}
        {% if not loop.last -%} union all {%- endif %}
    {% endfor %}
)

select * from cooperation_rows
