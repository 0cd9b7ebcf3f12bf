{# Fails with every row whose sector is a parent: a parent is the sum of its leaves and would count twice. #}
{% test only_leaf_sectors(model, column_name) %}
select marts.{{ column_name }}
from {{ model }} as marts
inner join {{ ref('dim_sectors') }} as sectors on marts.{{ column_name }} = sectors.sector_id
where not sectors.is_leaf
{% endtest %}
