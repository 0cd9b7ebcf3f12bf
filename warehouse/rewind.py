"""Takes a copy of the warehouse back to what was known at a moment; never the warehouse itself."""

import shutil
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse.database import FILE, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.revisions import LAY

_FORGET = (
    "delete from ledger.decisions where decision_no > $horizon",
    "delete from ledger.units where unit_id not in "
    "(select unit_id from ledger.decisions where unit_id is not null)",
    "delete from ledger.loads where load_id not in (select load_id from ledger.decisions)",
    "delete from ledger.checks where load_id not in (select load_id from ledger.loads)",
    "delete from quarantine.rows where load_id not in (select load_id from ledger.loads)",
    "delete from ledger.events where load_id not in (select load_id from ledger.loads)",
    "delete from ledger.revisions where decision_no > $horizon",
    "update ledger.pin set horizon = $horizon",
)


def copy_warehouse(home: Path, place: Path) -> None:
    """Copy the warehouse of ``home`` into ``place``; the caller holds the lock."""
    if not (home / FILE).is_file():
        raise WarehouseError(f"{home} holds no warehouse. Run 'dvina ingest' first.")
    with open_warehouse(home) as connection:
        connection.execute("checkpoint")
    try:
        place.mkdir(parents=True)
        shutil.copy2(home / FILE, place / FILE)
    except OSError as error:
        raise WarehouseError(f"The warehouse cannot be copied: {error.strerror}.") from error


def rewind(connection: duckdb.DuckDBPyConnection, until: datetime | int) -> int:
    """Forget what was decided after a moment, or a decision; returns the last decision left.

    What dbt built is dropped, so that nothing of later days can stay.
    """
    condition = "decision_no <= ?" if isinstance(until, int) else "decided_at <= ?"
    row = connection.execute(
        f"select coalesce(max(decision_no), 0) from ledger.decisions where {condition}", [until]
    ).fetchone()
    horizon = int(row[0]) if row else 0
    connection.execute(LAY)
    connection.begin()
    for statement in _FORGET:
        bound = {"horizon": horizon} if "$horizon" in statement else None
        connection.execute(statement, bound)
    for schema in ("marts", "intermediate", "staging", "seeds"):
        connection.execute(f"drop schema if exists {schema} cascade")
    connection.commit()
    return horizon
