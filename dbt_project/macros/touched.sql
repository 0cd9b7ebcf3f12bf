{#
    Incremental builds. The variable touched_years lists the years that loads reached since the last
    build; a model that is kept up to date forgets those years and appends them anew, in one
    transaction. null stands for every year: then tables are made anew.
#}

{# The rows of the years to build, by a period (YYYY, YYYY-Qn, YYYY-MM). With later, the years after them too. #}
{% macro touched(period, later=0) -%}
    {%- if is_kept_up() -%}
        {%- set years = [] -%}
        {%- for year in var('touched_years') -%}
            {%- for after in range(later + 1) -%}
                {%- do years.append("'" ~ (year | int + after) ~ "'") -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if years -%} left({{ period }}, 4) in ({{ years | unique | join(', ') }}) {%- else -%} false {%- endif -%}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Before the insert, in its transaction: what the years held is gone, also where nothing comes instead. #}
{% macro forget_touched(period, later=0) -%}
    {{ forget(touched(period, later)) }}
{%- endmacro %}

{# True while a table that stands is brought up to date, and in tests of such a build. #}
{% macro is_kept_up() -%}
    {%- if var('touched_years', none) is not iterable or var('touched_years') is string -%}
        {{ return(false) }}
    {%- else -%}
        {{ return(model.resource_type == 'test' or is_incremental()) }}
    {%- endif -%}
{%- endmacro %}

{#
    Tests of a model that is kept up to date look at the years that the build touched; its meta says
    by which column. The rest stands as it was tested before.
#}
{% macro get_where_subquery(relation) -%}
    {%- set condition = config.get('where') -%}
    {%- set by = namespace(column=none, later=0) -%}
    {%- if execute and var('touched_years', none) is not none -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.alias == relation.identifier -%}
            {%- set meta = node.config.meta or {} -%}
            {%- set by.column = meta.get('touched_by') -%}
            {%- set by.later = meta.get('touched_later', 0) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- if condition -%} {%- do parts.append('(' ~ condition ~ ')') -%} {%- endif -%}
    {%- if by.column -%} {%- do parts.append(touched(by.column, by.later)) -%} {%- endif -%}
    {%- if parts -%}
        (select * from {{ relation }} where {{ parts | join(' and ') }})
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
