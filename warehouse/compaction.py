"""Merges the micro-batches of an hour into one load: far fewer files and rows of the ledger.

This is the one place that rewrites the ledger. A merged load takes the numbers of the last of its
batches (decision, event, unit), so it is seen by every horizon from there on; horizons within the
hour show what stood at its beginning. Batches are merged only next to each other, under one
contract, when nothing but *accepted* was ever decided of them, and never across the pinned horizon.
Positions keep one row per partition; the offsets of each batch stand in ``batches.parquet``.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.landing import Landed, read_landed, remove
from ingest.steps import reached
from ingest.streams.positions import Span, part_of
from warehouse import ledger, side
from warehouse.database import quote
from warehouse.errors import WarehouseError

MARK = "merging.json"  # in a merged load until what it replaces is cleared away
BATCHES = "batches.parquet"
BATCHES_SCHEMA = pa.schema(
    [("load_id", pa.string()), ("partition", pa.int32())]
    + [(name, pa.int64()) for name in ("start_offset", "next_offset")]
)
_PLAN = """
with batches as (
    select p.load_id, p.topic, p.epoch, any_value(l.contract_identity) as identity,
        any_value(date_trunc('hour', l.landed_at)) as hour,
        any_value(l.rows_landed + l.rows_quarantined) as size
    from ledger.positions as p join ledger.loads as l using (load_id)
    where p.dataset = $dataset and l.landed_at < $until::timestamptz
    group by all
),
decided as (
    select load_id, count(*) as decisions, max(decision_no) as no,
        bool_and(decision = 'accepted') as is_accepted
    from ledger.decisions where dataset = $dataset group by load_id
),
replayed as (
    select replay_of as load_id from ledger.loads where replay_of is not null
    union select load_id from quarantine.replayed
),
ordered as (
    select b.*, d.no, e.event_no,
        coalesce(d.decisions = 1 and d.is_accepted and r.load_id is null, false) as may_merge,
        d.no <= (select max(horizon) from ledger.pin) as is_pinned
    from batches as b
    join decided as d using (load_id)
    join ledger.events as e on e.load_id = b.load_id and e.kind = 'load'
    left join (select distinct load_id from replayed) as r on r.load_id = b.load_id
),
runs as (
    select *, row_number() over (partition by topic, epoch order by event_no)
        - row_number() over (
            partition by topic, epoch, hour, identity, may_merge, is_pinned order by event_no
        ) as run
    from ordered
)
select list(load_id order by event_no) as load_ids, list(event_no order by event_no) as events
from runs
where may_merge
group by topic, epoch, hour, identity, is_pinned, run
having count(*) > 1
order by max(event_no)
"""


class NotNow(WarehouseError):
    """Raised when batches changed between planning and merging; nothing was done."""


@dataclass(frozen=True)
class Run:
    """Batches that may become one load, in the order of their events."""

    load_ids: tuple[str, ...]
    events: tuple[int, ...]


def plan(connection: duckdb.DuckDBPyConnection, dataset: str, until: str) -> list[Run]:
    """Runs of batches that landed before ``until`` (ISO 8601) and may be merged."""
    found = connection.execute(_PLAN, {"dataset": dataset, "until": until}).fetchall()
    return [Run(tuple(load_ids), tuple(events)) for load_ids, events in found]


def spans_of(batches: Sequence[Landed]) -> tuple[Span, ...]:
    """What all batches together hold of each partition."""
    spans: dict[int, Span] = {}
    for batch in batches:
        for span in part_of(batch.manifest.stream).spans:
            first = spans.get(span.partition, span)
            spans[span.partition] = Span(span.partition, first.start, span.next)
    return tuple(sorted(spans.values()))


def offsets_of(batches: Sequence[Landed]) -> pa.Table:
    """The offsets of each batch, of merged ones those of what they were merged from."""
    told: list[dict[str, Any]] = []
    tables: list[pa.Table] = []
    for batch in batches:
        if (batch.folder / BATCHES).is_file():
            tables.append(pq.read_table(batch.folder / BATCHES, schema=BATCHES_SCHEMA))
            continue
        told += [
            {
                "load_id": batch.manifest.load_id, "partition": span.partition,
                "start_offset": span.start, "next_offset": span.next,
            }
            for span in part_of(batch.manifest.stream).spans
        ]  # fmt: skip
    return pa.concat_tables([*tables, pa.Table.from_pylist(told, BATCHES_SCHEMA)])


def merge(connection: duckdb.DuckDBPyConnection, run: Run, merged: Landed, until: str) -> None:
    """Put a merged load in the place of its batches, in one transaction; raises NotNow."""
    connection.begin()
    try:
        if run not in plan(connection, merged.manifest.dataset, until):
            raise NotNow("the batches changed meanwhile")
        _replace(connection, run, merged)
        reached("compact.in_transaction")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    reached("compact.committed")


def finish(connection: duckdb.DuckDBPyConnection, home: Path, dataset: str) -> int:
    """Clear away what merged loads replace, also those of a killed run; gives how many loads."""
    count = 0
    for mark in sorted((home / "landing" / dataset).glob(f"*/{MARK}")):
        merged = read_landed(mark.parent)
        entry = json.loads(mark.read_text("utf-8"))
        if not ledger.is_known(connection, merged.manifest.load_id):
            remove(merged)  # it was never put in the place of its batches
            continue
        side.replace_merged(
            connection, home, dataset, merged.manifest.load_id, entry["load_ids"], entry["events"]
        )
        reached("compact.cleaning")
        for load_id in entry["load_ids"]:
            folder = home / "landing" / dataset / load_id
            if folder.is_dir():
                remove(Landed(merged.manifest, folder))
                count += 1
        mark.unlink()
    return count


def _replace(connection: duckdb.DuckDBPyConnection, run: Run, merged: Landed) -> None:
    m = merged.manifest
    connection.execute(
        "create or replace temp table gone as select unnest(?::varchar[]) as load_id",
        [list(run.load_ids)],
    )
    of_gone = "load_id in (select load_id from gone)"
    number, unit, why = _last(connection, of_gone)
    raw = f"raw.{quote(m.dataset)}"
    if unit is not None:
        units = f"select unit_id from ledger.units where {of_gone} and unit_id <> {unit:d}"
        connection.execute(f"update {raw} set _unit_id = {unit:d} where _unit_id in ({units})")
        (constants, slice_, scope, fingerprint, rows) = _one(
            connection,
            "select any_value(constants), any_value(slice), any_value(scope), "
            "concat(sum(row_count), ':', ?), sum(row_count)::bigint "
            f"from ledger.units where {of_gone}",
            m.load_id,
        )
        connection.execute(f"delete from ledger.units where {of_gone}")
        connection.execute(
            "insert into ledger.units values (?, ?, ?, ?, ?, ?, ?, ?, null, ?)",
            [unit, m.load_id, m.dataset, slice_, scope, rows, fingerprint, m.contract_identity,
             constants],
        )  # fmt: skip
    for table in ("loads", "events", "decisions", "positions"):
        connection.execute(f"delete from ledger.{table} where {of_gone}")
    ledger.record_load(connection, merged, why)
    connection.execute(
        "insert into ledger.events values (?, 'load', ?, ?, ?, ?)",
        [run.events[-1], m.load_id, why.reason, why.by, why.at],
    )
    connection.execute(
        "insert into ledger.decisions values (?, ?, ?, ?, 'accepted', ?, ?, ?)",
        [number, m.dataset, m.load_id, unit, why.reason, why.by, why.at],
    )
    part = part_of(m.stream)
    for span in part.spans:
        connection.execute(
            "insert into ledger.positions values (?, ?, ?, ?, ?, ?, ?, ?)",
            [m.dataset, part.topic, part.epoch, span.partition, span.start, span.next, m.load_id,
             m.landed_at],
        )  # fmt: skip
    connection.execute(f"update ledger.checks set load_id = ? where {of_gone}", [m.load_id])
    connection.execute(f"update quarantine.rows set load_id = ? where {of_gone}", [m.load_id])


def _last(
    connection: duckdb.DuckDBPyConnection, of_gone: str
) -> tuple[int, int | None, ledger.Cause]:
    """The greatest numbers of decision and unit, and why and when the last was decided."""
    number, unit, reason, by, at = _one(
        connection,
        "select max(decision_no), max(unit_id), arg_max(reason, decision_no), "
        "arg_max(decided_by, decision_no), "
        "strftime(max(decided_at), '%Y-%m-%dT%H:%M:%S.%f+00:00') "
        f"from ledger.decisions where {of_gone}",
    )
    return int(number), unit, ledger.Cause(reason, by, at)


def _one(connection: duckdb.DuckDBPyConnection, query: str, *bound: object) -> tuple[Any, ...]:
    row = connection.execute(query, list(bound)).fetchone()
    assert row is not None
    return row


def marked(folder: Path, run: Run) -> None:
    """Leave the mark by which ``finish`` knows what a merged load replaces."""
    side.write(folder / MARK, {"load_ids": list(run.load_ids), "events": list(run.events)})


def batches_of(home: Path, dataset: str, run: Run) -> Iterator[Landed]:
    """The landed batches of a run, in order; raises LandingDamaged."""
    for load_id in run.load_ids:
        yield read_landed(home / "landing" / dataset / load_id)
