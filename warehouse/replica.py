"""A part of the warehouse made anew without its lock, from what was published and the landing.

A published version says which units were in force when its marts were built; their rows lie in
the landing and never change. So the slices behind a figure can be laid into a warehouse of their
own, by the same tables and views, while somebody else writes.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.errors import LandingDamaged
from ingest.landing import Landed, Manifest, read_landed
from warehouse.contents import OPS
from warehouse.database import literal, open_warehouse, quote
from warehouse.errors import NotPublished
from warehouse.ledger import scope_condition
from warehouse.rows import parquet
from warehouse.tables import ensure_tables, of_unit, sql_types, stored_columns
from warehouse.versions import MANIFEST, Version

EXCEPT = " except "  # in the scope of what a narrower load left of a unit
Keep = Callable[[str, str], bool]  # dataset and slice -> whether its rows are wanted


def horizon_of(version: Version) -> int:
    """The decision that a published version was built up to."""
    entry = json.loads((version.folder / MANIFEST).read_text("utf-8"))
    return int(entry["horizon"])


def lay_replica(
    home: Path, version: Version, contracts: Iterable[Contract], keep: Keep, place: Path
) -> int:
    """Make a warehouse in ``place`` of the units that ``keep`` wants; returns its rows.

    It holds what was in force at the horizon of ``version``. Raises NotPublished where the version
    does not tell its units, LandingDamaged where rows are no longer in the landing.
    """
    with open_warehouse(place) as connection:
        _copy_ledger(connection, version, keep)
        for contract in contracts:
            ensure_tables(connection, contract)
            _copy_rows(connection, home, contract)
        row = connection.execute("select coalesce(sum(row_count), 0) from ledger.units").fetchone()
        return int(row[0]) if row else 0


def _copy_ledger(connection: duckdb.DuckDBPyConnection, version: Version, keep: Keep) -> None:
    horizon = horizon_of(version)
    if f"{OPS}.units" not in version.tables:
        raise NotPublished(
            f"Version {version.version_id} was written by an older Dvina and does not tell its "
            "slices. Run 'dvina build --force' first."
        )
    connection.execute(f"attach {literal(str(version.database))} as published (read_only)")
    connection.execute(
        "create or replace temp table standing as select unit_id from published.ops.decisions "
        "where decision_no <= ? and unit_id is not null group by unit_id "
        "having arg_max(decision, decision_no) = 'accepted'",
        [horizon],
    )
    slices = connection.execute(
        "select distinct dataset, slice from published.ops.units semi join standing using (unit_id)"
    ).fetchall()
    kept = [(dataset, text) for dataset, text in slices if keep(dataset, text)]
    columns = list(zip(*kept, strict=True)) or [(), ()]
    wanted = pa.table({"dataset": pa.array(columns[0], pa.string()),
                       "slice": pa.array(columns[1], pa.string())})  # fmt: skip
    connection.register("wanted", wanted)
    connection.execute(
        "insert into ledger.units by name select u.* from published.ops.units as u "
        "semi join standing using (unit_id) semi join wanted using (dataset, slice)"
    )
    connection.unregister("wanted")
    connection.execute(
        "insert into ledger.decisions by name select d.* from published.ops.decisions as d "
        "semi join ledger.units using (unit_id) where decision_no <= ?",
        [horizon],
    )
    connection.execute(
        "insert into ledger.loads by name select l.*, l.landed_at as committed_at "
        "from published.ops.loads as l semi join ledger.units using (load_id)"
    )
    connection.execute("update ledger.pin set horizon = ?", [horizon])
    connection.execute("detach published")


def _copy_rows(connection: duckdb.DuckDBPyConnection, home: Path, contract: Contract) -> None:
    held = connection.execute(
        "select distinct load_id, scope from ledger.units where dataset = ? order by all",
        [contract.dataset],
    ).fetchall()
    folder = home / "landing" / contract.dataset
    for load_id, scope in held:
        if not (folder / load_id).is_dir():
            raise LandingDamaged(
                f"{contract.dataset} load {load_id} is no longer in the landing: it was merged or "
                "removed after these marts were built. Run 'dvina build', then ask again."
            )
        _insert(connection, contract, read_landed(folder / load_id), scope)


def _insert(
    connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed, scope: str
) -> None:
    """The rows of a load's units of one scope; of a carved one those that its rivals left."""
    if not landed.segments:
        return
    present = set(pq.read_schema(landed.segments[0]).names)
    stored = stored_columns(connection, contract.dataset)
    names = [quote(c.name) for c in contract.columns if c.name in present and c.name in stored]
    kinds = sql_types(contract)
    by = {name: kinds[name] for name in contract.revision.by}
    told = "".join(f", {of_unit(name, kind)}" for name, kind in by.items())
    on = " and ".join(f"r.{quote(c)} is not distinct from f.{quote(c)}" for c in by)
    outside = [
        scope_condition(rival.scope, negated=True)
        for text in scope.split(EXCEPT)[1:]
        if (rival := _of_scope(landed.folder.parent, text))
    ]
    left = f" where {' and '.join(outside)}" if outside else ""
    connection.execute(
        f"insert into raw.{quote(contract.dataset)} ({', '.join([*names, '_row', '_unit_id'])}) "
        f"select {''.join(f'r.{name}, ' for name in names)}r._row, f.unit_id "
        f"from (select * from {parquet(landed.segments)}{left}) as r "
        f"join (select unit_id{told} from ledger.units where load_id = ? and scope = ?) as f "
        f"on {on or 'true'}",
        [landed.manifest.load_id, scope],
    )


def _of_scope(folder: Path, text: str) -> Manifest:
    """The manifest of a landed load whose scope reads so; raises LandingDamaged."""
    for path in sorted(folder.iterdir()):
        manifest = read_landed(path).manifest
        if manifest.scope_text == text:
            return manifest
    raise LandingDamaged(f"{folder.name}: no landed load has the scope {text}.")
