-- Of which datasets is nothing loaded, and which are overdue?
select
    dataset,
    publisher,
    coverage,
    due_at
from marts.mart_freshness
where coverage <> 'loaded' or due_at < current_timestamp
order by dataset;
