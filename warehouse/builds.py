"""Builds: each pins the ledger number that all its models read, and records when it is reached.

A build's *inputs* are the horizon and a digest of what else decides its result (models, seeds,
settings). What was built with the same inputs needs no building again.
"""

import secrets
from dataclasses import dataclass

import duckdb

from ingest.landing import now
from ingest.steps import reached
from warehouse.ledger import last_decision


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
