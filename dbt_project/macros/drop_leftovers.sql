{#
    A build that was killed may have left the former table or view of a model beside the new one. All
    that stands among the marts is published, so they go before anything is built.
#}
{% macro drop_leftovers() -%}
    {%- set found -%}
        select 'table' as kind, schema_name, table_name as name
        from duckdb_tables()
        where database_name = current_database() and regexp_matches(table_name, '__dbt_(backup|tmp)$')
        union all
        select 'view' as kind, schema_name, view_name as name
        from duckdb_views()
        where database_name = current_database() and regexp_matches(view_name, '__dbt_(backup|tmp)$')
    {%- endset -%}
    {%- if execute -%}
        {%- for row in run_query(found).rows -%}
            {%- do run_query('drop ' ~ row['kind'] ~ ' ' ~ row['schema_name'] ~ '."' ~ row['name'] ~ '"') -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
