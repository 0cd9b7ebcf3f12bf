"""Marts about the data themselves: the verdict on every load, and how fresh each dataset is.

They are made from the ledger at the pinned horizon when a version is written, so that they change
only when the ledger does: what is overdue follows from ``due_at`` and the reader's clock.
"""

from collections.abc import Iterable

import duckdb

from ingest.contract import Contract
from warehouse.database import literal

QUALITY_MARTS = ("mart_data_quality", "mart_freshness")
_LOADS = """
create or replace table marts.mart_data_quality as
with decided as (
    select load_id, arg_max(decision, decision_no) as decision,
        arg_max(reason, decision_no) as reason, arg_max(decided_by, decision_no) as decided_by
    from ledger.decisions where decision_no <= (select horizon from ledger.pin) group by load_id
),
judged as (
    select load_id, count(*) as check_count,
        count_if(outcome = 'failed' and severity = 'stop') as stopped_count,
        count_if(outcome = 'failed' and severity = 'warn') as warned_count,
        count_if(outcome = 'failed' and severity = 'inform') as noted_count,
        count_if(outcome = 'errored') as errored_count,
        string_agg(rule, ', ' order by rule) filter (outcome <> 'passed') as broken_rules,
        string_agg(offenders, ', ' order by rule) filter (offenders <> '[]') as offenders
    from ledger.checks group by load_id
)
select l.dataset, l.load_id, l.origin, l.landed_at, d.decision, d.decided_by, d.reason,
    l.rows_read, l.rows_landed, l.rows_quarantined, l.rows_duplicate,
    coalesce(j.check_count, 0)::integer as check_count,
    coalesce(j.stopped_count, 0)::integer as stopped_count,
    coalesce(j.warned_count, 0)::integer as warned_count,
    coalesce(j.noted_count, 0)::integer as noted_count,
    coalesce(j.errored_count, 0)::integer as errored_count, j.broken_rules, j.offenders
from ledger.loads as l join decided as d using (load_id) left join judged as j using (load_id)
order by all
"""
_FRESHNESS = """
create or replace table marts.mart_freshness as
with accepted as (
    select l.dataset, max(l.landed_at) as last_accepted_at,
        arg_max(l.load_id, l.landed_at) as last_load_id, count(distinct l.load_id) as load_count
    from ledger.loads as l join ledger.decisions as d using (load_id)
    where d.decision = 'accepted' and d.decision_no <= (select horizon from ledger.pin)
    group by l.dataset
),
standing as (
    select dataset, arg_max(decision, decision_no) as state, unit_id
    from ledger.decisions
    where unit_id is not null and decision_no <= (select horizon from ledger.pin)
    group by dataset, unit_id
),
held as (
    select u.dataset, max(u.slice ->> '$.period') as newest_period, count(*) as slice_count,
        sum(u.row_count)::bigint as row_count
    from ledger.units as u join standing as s using (unit_id)
    where s.state = 'accepted' group by u.dataset
)
select c.dataset, c.publisher, a.last_accepted_at, a.last_load_id,
    coalesce(a.load_count, 0)::integer as load_count, c.expected_every_days,
    a.last_accepted_at + to_days(c.expected_every_days) as due_at, h.newest_period,
    coalesce(h.slice_count, 0)::bigint as slice_count,
    coalesce(h.row_count, 0)::bigint as row_count,
    case when a.dataset is null then 'no data: no load was accepted'
        when coalesce(h.slice_count, 0) = 0 then 'no data: what was accepted is withdrawn'
        else 'loaded' end as coverage
from ({contracts}) as c left join accepted as a using (dataset) left join held as h using (dataset)
order by all
"""


def lay_quality_marts(connection: duckdb.DuckDBPyConnection, contracts: Iterable[Contract]) -> None:
    """Make both marts anew from the ledger."""
    rows = " union all ".join(
        f"select {literal(c.dataset)} as dataset, {literal(c.publisher.name)} as publisher, "
        f"{c.expected_every_days or 'null'}::integer as expected_every_days"
        for c in contracts
    )
    connection.execute("create schema if not exists marts")
    connection.execute(_LOADS)
    connection.execute(_FRESHNESS.replace("{contracts}", rows))
