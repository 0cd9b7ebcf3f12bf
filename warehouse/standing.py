"""Which published version the marts stand at, so that a publish measures only what changed since.

Whoever writes to the marts first forgets it (``take``), and says afterwards what was written to.
A writer that dies in between leaves nothing known, and everything is measured.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from warehouse.contents import MARTS, Held
from warehouse.versions import current

# Of each mart written to: the years that may have changed, or None for all of it.
Written = Mapping[str, Iterable[int] | None]


def take(connection: duckdb.DuckDBPyConnection, home: Path) -> dict[str, Held]:
    """What the current version knows of the marts, by schema.table, if they stand at it.

    It is forgotten until the next version is noted.
    """
    row = connection.execute("select max(version_id) from ledger.marts_as").fetchone()
    connection.execute("delete from ledger.marts_as")
    present = current(home)
    if present is None or row is None or row[0] != present.version_id:
        return {}
    told = present.manifest
    return {
        name: Held(dict(map(tuple, told["columns"][name])), told["parted_by"][name], parts)
        for name, parts in told["parts"].items()
        if name.startswith(f"{MARTS}.")
    }


def without(held: Mapping[str, Held], written: Written) -> dict[str, Held]:
    """What is known still after marts were written to."""
    kept = {}
    for name, known in held.items():
        years = written.get(name.removeprefix(f"{MARTS}."), ())
        if years is not None:
            stale = {*known.stale, *(f"{year:04}" for year in years)}
            kept[name] = replace(known, stale=tuple(sorted(stale)))
    return kept


def note(connection: duckdb.DuckDBPyConnection, version_id: str) -> None:
    """The marts are as in that version, from now on."""
    connection.execute("delete from ledger.marts_as")
    connection.execute("insert into ledger.marts_as values (?)", [version_id])
