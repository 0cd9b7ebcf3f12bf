"""What publishers restated: each time rows in force gave way to others of the same slice.

An event is a load that superseded units of a slice; before are their rows, after are the load's
own and what it left of them. Rows are held against each other by the contract's key; without a key
a row that changed is one removed and one added. An event is measured once and never again.
"""

import json
from collections.abc import Iterable, Sequence

import duckdb

from ingest.contract import Contract
from ingest.contract_column import Column
from warehouse.database import literal, quote
from warehouse.ledger import REPLACING_KINDS
from warehouse.tables import rows_sql

LAY = """
create table if not exists ledger.revisions (
    dataset varchar not null, slice varchar not null, load_id varchar not null,
    decision_no bigint not null, decided_at timestamptz not null, former_load_ids varchar not null,
    rows_before bigint not null, rows_after bigint not null, rows_added bigint not null,
    rows_removed bigint not null, rows_changed bigint not null, measure_name varchar,
    measure_unit varchar, value_before decimal(38, 6), value_after decimal(38, 6),
    measures varchar not null
);
create or replace view accepted.revisions as
    select * from ledger.revisions where decision_no <= (select horizon from ledger.pin);
"""
_EVENTS = """
create or replace temp table revised as
with superseded as (
    select d.dataset, u.slice, d.decided_at, d.unit_id, d.load_id as former_load_id,
        d.reason[length('by load ') + 1:] as load_id
    from ledger.decisions as d join ledger.units as u using (unit_id)
    where d.dataset = $dataset and d.decision = 'superseded' and starts_with(d.reason, 'by load ')
        and d.decision_no
        > (select coalesce(max(decision_no), 0) from ledger.revisions where dataset = $dataset)
),
fresh as (
    select s.dataset, s.slice, s.load_id, s.decided_at, d.unit_id, d.decision_no,
        d.load_id = s.load_id as is_own
    from (select distinct dataset, slice, load_id, decided_at from superseded) as s
    join ledger.units as u on u.dataset = s.dataset and u.slice = s.slice
    join ledger.decisions as d
        on d.unit_id = u.unit_id and d.decision = 'accepted' and d.decided_at = s.decided_at
),
events as (
    select dataset, slice, load_id, decided_at, max(decision_no) as decision_no
    from fresh group by all having bool_or(is_own)
)
select e.*, s.unit_id, 'before' as side, s.former_load_id
from superseded as s join events as e using (dataset, slice, load_id, decided_at)
union all
select e.*, f.unit_id, 'after' as side, null as former_load_id
from fresh as f join events as e using (dataset, slice, load_id, decided_at)
"""


def note_revisions(connection: duckdb.DuckDBPyConnection, contracts: Iterable[Contract]) -> int:
    """Measure what was restated since the last time; returns how many events were new."""
    connection.execute(LAY)
    count = 0
    for contract in contracts:
        if contract.revision.kind in REPLACING_KINDS:
            connection.execute(_EVENTS, {"dataset": contract.dataset})
            found = connection.execute("select count(distinct decision_no) from revised").fetchone()
            if found and found[0]:
                _measure(connection, contract)
                count += int(found[0])
    connection.execute("drop table if exists revised")
    return count


def measures_of(contract: Contract) -> Sequence[Column]:
    """Columns that hold amounts: decimals whose contract tells a unit."""
    return [c for c in contract.columns if c.type == "decimal" and c.unit]


def _measure(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    every = ", ".join(f"r.{quote(column.name)}" for column in contract.columns)
    key = ", ".join(f"r.{quote(name)}" for name in contract.key) or every
    measures = measures_of(contract)
    kept = "".join(f", r.{quote(m.name)}::decimal(38, 6) as {quote(m.name)}" for m in measures)
    sums = "".join(
        f", sum(sum_{side}_{at}) as {side}_{at}"
        for at, _ in enumerate(measures)
        for side in ("before", "after")
    )
    parts = "".join(
        f", sum({quote(m.name)}) filter (where side = '{side}') as sum_{side}_{at}"
        for at, m in enumerate(measures)
        for side in ("before", "after")
    )
    told = ", ".join(
        f"{{'measure': {literal(m.name)}, 'unit': {literal(str(m.unit))}, "
        f"'before': before_{at}, 'after': after_{at}}}"
        for at, m in enumerate(measures)
    )
    first = "null, null, null, null"
    if measures:
        m = measures[0]
        first = f"{literal(m.name)}, {literal(str(m.unit))}, before_0, after_0"
    connection.execute(
        f"insert into ledger.revisions with held as ("
        f"select v.decision_no, v.side, hash({key}) as _key, hash({every}) as _content{kept} "
        f"from revised as v join ({rows_sql(connection, contract)}) as r on r._unit_id = v.unit_id"
        "), keyed as ("
        "select decision_no, _key, count_if(side = 'before') as b, count_if(side = 'after') as a, "
        "sum(_content) filter (where side = 'before') as content_before, "
        f"sum(_content) filter (where side = 'after') as content_after{parts} "
        "from held group by decision_no, _key"
        "), added_up as ("
        "select decision_no, sum(b) as b, sum(a) as a, sum(greatest(a - b, 0)) as added, "
        "sum(greatest(b - a, 0)) as removed, sum(case when content_before <> content_after "
        f"then least(a, b) else 0 end) as changed{sums} from keyed group by decision_no"
        "), events as ("
        "select dataset, slice, load_id, decision_no, decided_at, "
        "string_agg(distinct former_load_id, ', ' order by former_load_id) as former_load_ids "
        "from revised group by all) "
        "select e.dataset, e.slice, e.load_id, e.decision_no, e.decided_at, e.former_load_ids, "
        f"s.b, s.a, s.added, s.removed, s.changed, {first}, "
        f"{f'to_json([{told}])' if measures else literal(json.dumps([]))} "
        "from events as e join added_up as s using (decision_no)"
    )
