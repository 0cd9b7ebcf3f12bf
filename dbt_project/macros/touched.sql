{#
    Incremental builds. The environment tells in DVINA_REACH what loads reached since the last build, as
    JSON; a model that is kept up to date forgets those partitions and appends them anew, in one
    transaction. Without it tables are made anew. It is no variable of dbt: with other variables
    all models would be parsed again. Its keys:

    periods      periods of trade of which rows came, went or changed (YYYY, YYYY-Qn, YYYY-MM)
    whole_years  years of which any period may have changed, such as those of exchange rates
    years        the years of both
    pairs, months, whole: of loans, see touched_loans.sql
#}
{% macro reach() -%}
    {%- set told = env_var('DVINA_REACH', '') if execute else '' -%}
    {{ return(fromjson(told) if told else none) }}
{%- endmacro %}

{# The rows of the years to build, by a period (YYYY, YYYY-Qn, YYYY-MM). With later, the years after them too. #}
{% macro touched(period, later=0) -%}
    {%- if is_kept_up() -%}
        {%- set years = [] -%}
        {%- for year in reach()['years'] -%}
            {%- for after in range(later + 1) -%}
                {%- do years.append(year | int + after) -%}
            {%- endfor -%}
        {%- endfor -%}
        {{ among('left(' ~ period ~ ', 4)', years | unique) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# The same where a model divides by nothing beyond a period: a month of a year stands for itself. #}
{% macro touched_exactly(period) -%}
    {%- if is_kept_up() -%}
        (
            {{ among(period, reach()['periods']) }}
            or {{ among('left(' ~ period ~ ', 4)', reach()['whole_years']) }}
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# False where there are no values to be among: SQL knows no empty list. #}
{% macro among(expression, values) -%}
    {%- set quoted = [] -%}
    {%- for value in values -%} {%- do quoted.append("'" ~ value ~ "'") -%} {%- endfor -%}
    {%- if quoted -%} {{ expression }} in ({{ quoted | join(', ') }}) {%- else -%} false {%- endif -%}
{%- endmacro %}

{# Before the insert, in its transaction: what the years held is gone, also where nothing comes instead. #}
{% macro forget_touched(period, later=0) -%}
    {{ forget(touched(period, later)) }}
{%- endmacro %}

{# True while a table that stands is brought up to date, and in tests of such a build. #}
{% macro is_kept_up() -%}
    {%- if reach() is none -%}
        {{ return(false) }}
    {%- else -%}
        {{ return(model.resource_type == 'test' or is_incremental()) }}
    {%- endif -%}
{%- endmacro %}

{#
    Tests of a model that is kept up to date look at the partitions that the build touched; its meta says
    by which column, and whether by years. The rest stands as it was tested before.
#}
{% macro get_where_subquery(relation) -%}
    {%- set condition = config.get('where') -%}
    {%- set by = namespace(meta={}) -%}
    {%- if execute and reach() is not none -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.alias == relation.identifier -%}
            {%- set by.meta = node.config.meta or {} -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- if condition -%} {%- do parts.append('(' ~ condition ~ ')') -%} {%- endif -%}
    {%- if by.meta.get('touched_exactly_by') -%}
        {%- do parts.append(touched_exactly(by.meta['touched_exactly_by'])) -%}
    {%- elif by.meta.get('touched_by') -%}
        {%- do parts.append(touched(by.meta['touched_by'], by.meta.get('touched_later', 0))) -%}
    {%- endif -%}
    {%- if parts -%}
        (select * from {{ relation }} where {{ parts | join(' and ') }})
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
