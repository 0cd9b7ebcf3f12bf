{#
    Loans that changed inputs can reach (see touched.sql for how it is told): pairs of lender and
    borrower of which any line changed (registers and debt by creditor are slices of one pair), months
    whose statement came, went or changed, and datasets that are made anew as a whole.
#}

{# Rows of a dataset whose slices are pairs of lender and borrower. #}
{% macro touched_pairs(dataset, lender, borrower) -%}
    {%- set told = reach() or {} -%}
    {%- set pairs = [] -%}
    {%- for pair in told.get('pairs', []) -%}
        {%- do pairs.append("('" ~ (pair | map('replace', "'", "''") | join("', '")) ~ "')") -%}
    {%- endfor -%}
    {%- if not is_kept_up() or dataset in told['whole'] -%}
        true
    {%- elif pairs -%} ({{ lender }}, {{ borrower }}) in ({{ pairs | join(', ') }}) {%- else -%} false {%- endif -%}
{%- endmacro %}

{#
    Rows of statements, by their date or month and the date of the one before: a statement reaches the
    one that follows it, also where it is gone and another comes before it now.
#}
{% macro touched_statements(as_of, previous) -%}
    {%- set month = "left(cast(" ~ as_of ~ " as varchar), 7)" -%}
    {%- set month_before = "coalesce(left(cast(" ~ previous ~ " as varchar), 7), '')" -%}
    {%- set spans = [] -%}
    {%- for touched_month in (reach() or {}).get('months', []) -%}
        {%- do spans.append("'" ~ touched_month ~ "' between " ~ month_before ~ " and " ~ month) -%}
    {%- endfor -%}
    {%- if not is_kept_up() -%}
        true
    {%- elif spans -%} ({{ spans | join(' or ') }}) {%- else -%} false {%- endif -%}
{%- endmacro %}

{# Rows of all datasets of loans in one table; flows_from_date is the day after the statement before. #}
{% macro touched_loans() -%}
    {%- set whens = [
        "when 'loans_worldbank_statements' then " ~ touched_statements('period', 'flows_from_date - 1')
    ] -%}
    {%- for dataset in ['loans_ids_flows', 'loans_register', 'loans_iati_activities'] -%}
        {%- set reached = touched_pairs(dataset, 'lender_code', 'borrower_code') -%}
        {%- do whens.append("when '" ~ dataset ~ "' then " ~ reached) -%}
    {%- endfor -%}
    case source_dataset {{ whens | join(' ') }} end
{%- endmacro %}

{# Before the insert, in its transaction: what a condition reaches is gone. #}
{% macro forget(condition) -%}
    {%- if is_kept_up() -%} delete from {{ this }} where {{ condition }} {%- endif -%}
{%- endmacro %}
