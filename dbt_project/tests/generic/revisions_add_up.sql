{# Rows before, less those removed, with those added, are the rows after; an event restates something. #}
{% test revisions_add_up(model) %}
select *
from {{ model }}
where
    rows_before - rows_removed + rows_added <> rows_after
    or rows_changed > least(rows_before, rows_after)
    or value_change <> coalesce(value_after, 0) - coalesce(value_before, 0)
{% endtest %}
