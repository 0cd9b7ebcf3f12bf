"""The side store: what operators read, written beside the warehouse after each decision.

Small files under ``ops/``, each replaced in one step, so that status and alerts never wait for
the lock. It follows the ledger; ``catch_up`` writes what a killed process did not.
"""

import json
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.landing import Landed, now
from warehouse.database import literal
from warehouse.errors import WarehouseError

_NOTING = threading.Lock()
_LOADS = """
with chosen as (select l.load_id from ledger.loads as l where {which}),
noted as (
    select d.load_id, min(d.decision_no) as no, d.decision, d.reason, d.decided_by,
        strftime(d.decided_at, '%Y-%m-%dT%H:%M:%SZ') as noted_at, count(*) as slices
    from ledger.decisions as d join chosen using (load_id)
    group by d.load_id, d.decision, d.reason, d.decided_by, d.decided_at
),
told as (
    select load_id, list({'no': no, 'decision': decision, 'reason': reason, 'by': decided_by,
        'at': noted_at, 'slices': slices} order by no) as decisions
    from noted group by load_id
),
its_units as (select u.unit_id, u.load_id from ledger.units as u join chosen using (load_id)),
standing as (
    select unit_id, arg_max(d.decision, d.decision_no) = 'accepted' as is_in_force
    from ledger.decisions as d join its_units using (unit_id)
    where d.decision_no <= {last} group by unit_id
),
counted as (
    select load_id, count(*) filter (is_in_force) as slices_in_force, count(*) as slices
    from its_units left join standing using (unit_id) group by load_id
)
select l.load_id, l.dataset, l.origin, l.source_sha256, l.contract_identity, l.rows_read,
    l.rows_landed, l.rows_quarantined, l.rows_duplicate, l.replay_of, l.drift,
    l.quarantine_fingerprint,
    strftime(l.landed_at, '%Y-%m-%dT%H:%M:%SZ') as landed_at, t.decisions,
    coalesce(c.slices_in_force, 0) as slices_in_force, coalesce(c.slices, 0) as slices
from ledger.loads as l
join chosen using (load_id)
left join told as t using (load_id)
left join counted as c using (load_id)
"""


def catch_up(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Write what the ledger knows and the side store does not yet."""
    _write_journal(connection, home)
    row = connection.execute(
        "select coalesce(max(decision_no), 0) from ledger.decisions"
    ).fetchone()
    last = int(row[0]) if row else 0
    seen = int(status(home).get("last_decision", 0))
    if seen >= last:
        return
    which = f"l.load_id in (select load_id from ledger.decisions where decision_no > {seen})"
    loads = _entries(connection, last, which)
    for dataset in sorted({load["dataset"] for load in loads}):
        _write_current(connection, home, dataset, last)
    for load in loads:
        write(home / "ops" / "loads" / load["dataset"] / f"{load['load_id']}.json", load)
    note(home, last_decision=last)


def replace_merged(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    dataset: str,
    load_id: str,
    gone: Sequence[str],
    events: Sequence[int],
) -> None:
    """Write a load that was merged from others, and forget those others; may be done again."""
    last = int(status(home).get("last_decision", 0))
    for entry in _entries(connection, last, f"l.load_id = {literal(load_id)}"):
        write(home / "ops" / "loads" / dataset / f"{load_id}.json", entry)
    folder = home / "landing" / ".journal"
    for entry in _events(connection, f"e.load_id = {literal(load_id)}"):
        write(folder / f"{entry.pop('number'):010d}.json", entry)
    for number in events[:-1]:
        (folder / f"{number:010d}.json").unlink(missing_ok=True)
    _write_current(connection, home, dataset, last)
    for name in gone:
        (home / "ops" / "loads" / dataset / f"{name}.json").unlink(missing_ok=True)


def journal(home: Path) -> Iterator[dict[str, Any]]:
    """All events in their order: with the landing they are enough to rebuild the warehouse."""
    for path in sorted((home / "landing" / ".journal").glob("*.json")):
        yield json.loads(path.read_text("utf-8"))


def note(home: Path, **facts: object) -> None:
    """Replace facts of ``ops/status.json``; hold the writer's lock, of which threads may meet."""
    with _NOTING:
        write(home / "ops" / "status.json", {**status(home), **facts, "written_at": now()})


def status(home: Path) -> dict[str, Any]:
    """The facts of ``ops/status.json``; empty before the first decision."""
    try:
        facts: dict[str, Any] = json.loads((home / "ops" / "status.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return facts


def known_loads(home: Path) -> set[str]:
    """Names of the loads that have a decision."""
    return {path.stem for path in (home / "ops" / "loads").glob("*/*.json")}


def decided_at(home: Path, dataset: str, load_id: str) -> float | None:
    """When a load's newest decision was noted, in seconds since 1970; None without one."""
    with suppress(FileNotFoundError):
        return (home / "ops" / "loads" / dataset / f"{load_id}.json").stat().st_mtime
    return None


def loads(home: Path, dataset: str | None = None) -> list[dict[str, Any]]:
    """All loads with their counts and decisions, oldest first."""
    paths = (home / "ops" / "loads").glob(f"{dataset or '*'}/*.json")
    return [json.loads(p.read_text("utf-8")) for p in sorted(paths, key=lambda p: p.name)]


def load(home: Path, load_id: str) -> dict[str, Any] | None:
    """One load, or None while it has no decision."""
    for path in (home / "ops" / "loads").glob(f"*/{load_id}.json"):
        entry: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return entry
    return None


def standing(home: Path, contract: Contract, landed: Landed) -> str | None:
    """``accepted`` when every slice of the load stands already with the same content and contract.

    ``withdrawn`` when some of them stand withdrawn, None when the load brings something new, be
    it only rows that were not refused before.
    """
    path = home / "ops" / "current" / f"{contract.dataset}.parquet"
    if not path.is_file():
        return None
    m = landed.manifest
    stands = pq.read_table(path).filter(
        (pc.field("contract_identity") == m.contract_identity) & (pc.field("scope") == m.scope_text)
    )
    fresh = pq.read_table(landed.units, columns=["slice", "fingerprint"])
    joined = fresh.join(stands, keys=["slice", "fingerprint"], join_type="inner")
    if m.rows_quarantined and not _refused_before(home, landed):
        return None
    if not fresh.num_rows or len(joined.group_by("slice").aggregate([])) < fresh.num_rows:
        return None
    return "withdrawn" if pc.any(pc.equal(joined["state"], "withdrawn")).as_py() else "accepted"


def _refused_before(home: Path, landed: Landed) -> bool:
    m = landed.manifest
    return any(
        entry["quarantine_fingerprint"] == m.quarantine_fingerprint
        and entry["contract_identity"] == m.contract_identity
        and any(decision["decision"] == "accepted" for decision in entry["decisions"])
        for entry in loads(home, m.dataset)
    )


def ask(home: Path, wish: str, load_id: str, reason: str, by: str) -> Path:
    """Leave a request to accept or withdraw a load; whoever holds the lock carries it out."""
    path = home / "ops" / "requests" / f"{now()}-{secrets.token_hex(3)}.json"
    write(path, {"wish": wish, "load_id": load_id, "reason": reason, "by": by})
    return path


def requests(home: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Requests that nobody has answered yet, oldest first."""
    for path in sorted((home / "ops" / "requests").glob("*.json")):
        if not path.name.endswith(".answer.json"):
            yield path, json.loads(path.read_text("utf-8"))


def answer(path: Path, entry: dict[str, Any]) -> None:
    """Answer a request and take it off the list."""
    write(path.with_suffix(".answer.json"), entry)
    path.unlink(missing_ok=True)


def take_answer(path: Path) -> dict[str, Any] | None:
    """The answer to a request, taken away; None while there is none."""
    answered = path.with_suffix(".answer.json")
    if not answered.is_file():
        return None
    entry: dict[str, Any] = json.loads(answered.read_text("utf-8"))
    answered.unlink()
    return entry


def _write_journal(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    folder = home / "landing" / ".journal"
    written = max((int(path.stem) for path in folder.glob("*.json")), default=0)
    for entry in _events(connection, f"e.event_no > {written}"):
        write(folder / f"{entry.pop('number'):010d}.json", entry)


def _events(connection: duckdb.DuckDBPyConnection, which: str) -> list[dict[str, Any]]:
    answer = connection.execute(
        "select e.event_no as number, e.kind, l.dataset, e.load_id, e.reason, e.decided_by as by, "
        "strftime(e.decided_at, '%Y-%m-%dT%H:%M:%S.%f+00:00') as at "
        "from ledger.events as e join ledger.loads as l using (load_id) "
        f"where {which} order by e.event_no"
    )
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, entry, strict=True)) for entry in answer.fetchall()]


def _entries(connection: duckdb.DuckDBPyConnection, last: int, which: str) -> list[dict[str, Any]]:
    answer = connection.execute(_LOADS.replace("{last}", str(last)).replace("{which}", which))
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, entry, strict=True)) for entry in answer.fetchall()]


def _write_current(
    connection: duckdb.DuckDBPyConnection, home: Path, dataset: str, last: int
) -> None:
    path = home / "ops" / "current" / f"{dataset}.parquet"
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(
        "copy (select u.slice, u.scope, u.fingerprint, u.contract_identity, u.load_id, u.adds_to, "
        "u.row_count, s.state "
        f"from ledger.units as u join ledger.standing_units({literal(dataset)}, {last}) as s "
        f"using (unit_id) order by u.slice) to {literal(str(aside))} (format parquet)"
    )
    aside.replace(path)


def write(path: Path, entry: dict[str, Any]) -> None:
    """Replace a JSON file in one step; raises WarehouseError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(3)}")
        aside.write_text(json.dumps(entry, indent=1, default=str), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise WarehouseError(f"{path} cannot be written: {error.strerror}.") from error
