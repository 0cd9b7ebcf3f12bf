"""Builds: each pins the ledger number that all its models read, and records when it is reached.

A build's *inputs* are the horizon and a digest of what else decides its result (models, seeds,
settings). What was built with the same inputs needs no building again, and what was built with the
same digest at an earlier horizon is brought up to date by the slices that changed since.
"""

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from ingest.landing import now
from ingest.steps import reached
from warehouse.ledger import last_decision

_PERIOD = re.compile(r"[0-9]{4}(-Q[1-4]|-[0-9]{2}(-[0-9]{2})?)?")


@dataclass(frozen=True)
class Build:
    """One build: its name, the ledger number it reads, and the digest of its other inputs."""

    build_id: str
    horizon: int
    inputs: str


def is_built(connection: duckdb.DuckDBPyConnection, inputs: str) -> bool:
    """True when the newest build reached the present end of the ledger with these inputs."""
    row = connection.execute(
        "select horizon, inputs, state from ledger.builds order by noted_at desc limit 1"
    ).fetchone()
    return row == (last_decision(connection), inputs, "reached")


def changed_slices(
    connection: duckdb.DuckDBPyConnection, inputs: str
) -> dict[str, tuple[str, ...]] | None:
    """Slices that came, went or changed since the last build with these inputs, by dataset.

    Builds that were tried since and did not end left some tables at their own horizon, so what
    changed since each of them counts too. None where there is no build with these inputs, or one
    with others was tried since: then all is to be made anew.
    """
    horizons = connection.execute(
        "select distinct horizon from ledger.builds where noted_at >= ("
        "  select max(noted_at) from ledger.builds where state = 'reached' and inputs = ? "
        "  and noted_at > (select coalesce(max(noted_at), '-infinity') from ledger.builds "
        "  where inputs <> ?)) order by 1",
        [inputs, inputs],
    ).fetchall()
    if not horizons:
        return None
    datasets = connection.execute(
        "select distinct dataset from ledger.decisions where decision_no > ? order by 1",
        list(horizons[0]),
    ).fetchall()
    changed: dict[str, set[str]] = {dataset: set() for (dataset,) in datasets}
    for dataset, slices in changed.items():
        for (since,) in horizons:
            slices |= {text for (text,) in _changed_since(connection, dataset, since)}
    return {dataset: tuple(sorted(slices)) for dataset, slices in changed.items() if slices}


def touched_years(slices: Iterable[str]) -> tuple[int, ...] | None:
    """Years that slices are of; None where one does not say its year."""
    years = {year_of(text) for text in slices}
    return None if None in years else tuple(sorted(year for year in years if year is not None))


def year_of(slice_text: str) -> int | None:
    """The year that a slice's values name as a period or a date; None where none or several do."""
    values = (v for v in json.loads(slice_text).values() if isinstance(v, str))
    found = {int(v[:4]) for v in values if _PERIOD.fullmatch(v)}
    return found.pop() if len(found) == 1 else None


def _changed_since(
    connection: duckdb.DuckDBPyConnection, dataset: str, since: int
) -> list[tuple[str]]:
    """Slices of units that are in force now or were then, but not both.

    A replay changes how many rows of the load before it are refused still: the slices of that load
    come with it.
    """
    return connection.execute(
        "with changed as ("
        "  select u.slice, u.load_id from ledger.units as u join ("
        "    select unit_id from ("
        "      select unit_id from ledger.current_units(?, ?)"
        "      union all select unit_id from ledger.current_units(?, ?)"
        "    ) group by unit_id having count(*) = 1"
        "  ) as c using (unit_id)"
        ") select slice from changed union select u.slice from ledger.units as u "
        "join ledger.loads as l on u.load_id = l.replay_of "
        "where l.load_id in (select load_id from changed)",
        [dataset, since, dataset, last_decision(connection)],
    ).fetchall()


def begin(connection: duckdb.DuckDBPyConnection, inputs: str) -> Build:
    """Pin the horizon at the present end of the ledger."""
    build = Build(f"{now()}-{secrets.token_hex(2)}", last_decision(connection), inputs)
    connection.begin()
    connection.execute("update ledger.pin set horizon = ?", [build.horizon])
    _note(connection, build, "started")
    connection.commit()
    reached("build.horizon_pinned")
    return build


def end(connection: duckdb.DuckDBPyConnection, build: Build, *, succeeded: bool) -> None:
    """Record that the horizon was reached, or that the build failed."""
    reached("build.before_reached")
    _note(connection, build, "reached" if succeeded else "failed")


def _note(connection: duckdb.DuckDBPyConnection, build: Build, state: str) -> None:
    connection.execute(
        "insert into ledger.builds values (?, ?, ?, ?, ?)",
        [build.build_id, build.horizon, state, build.inputs, now()],
    )
