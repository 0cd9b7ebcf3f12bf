"""Commits landed and judged loads: rows, quarantine, checks and decision in one transaction.

Whoever holds the lock commits everything that waits, its own and the others', and carries out
requests to accept or withdraw. What is committed once is never committed again, because the
ledger names the load.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from ingest.contract import Contract
from ingest.errors import LandingDamaged
from ingest.landing import (
    Landed,
    Manifest,
    check_segments,
    landed_loads,
    read_landed,
    read_verdict,
    remove,
)
from ingest.steps import reached
from warehouse import answers, ledger, positions, side
from warehouse.database import literal
from warehouse.errors import SchemaConflict, UnknownLoad, WarehouseError
from warehouse.ledger import Cause, Decided
from warehouse.rows import insert_rows, parquet
from warehouse.tables import ensure_tables

ONE_ROW_GROUP = 122_880  # rows of DuckDB's
_LEAST_MB, _COLUMN_MB = 128, 12  # memory of a commit, and of that for each column
ContractOf = Callable[[str], Contract]
Work = Callable[[duckdb.DuckDBPyConnection], Decided]


def commit_pending(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    contract_of: ContractOf,
    *,
    beside_build: bool = False,
) -> tuple[Decided, ...]:
    """Commit every judged load and every request that waits; each in a transaction of its own.

    ``beside_build`` says that the DuckDB instance works for somebody else too, who counts on its
    memory and threads; else both are set for each load.
    """
    decided = [*_commit_loads(connection, home, contract_of, beside_build)]
    decided += _carry_out(connection, home, contract_of, beside_build)
    side.catch_up(connection, home)
    for dataset in {d.dataset for d in decided if contract_of(d.dataset).stream}:
        positions.note_aside(connection, home, dataset)
    if decided:
        reached("commit.side_store_written")
    return tuple(decided)


def pending(home: Path) -> tuple[Landed, ...]:
    """Landed loads that the side store knows no decision of, oldest first."""
    return tuple(landed_loads(home / "landing", side.known_loads(home)))


def _commit_loads(
    connection: duckdb.DuckDBPyConnection, home: Path, contract_of: ContractOf, beside_build: bool
) -> Iterator[Decided]:
    for landed in pending(home):
        verdict = read_verdict(landed)
        if verdict is None or ledger.is_known(connection, landed.manifest.load_id):
            continue
        why = ledger.cause(str(verdict["reason"]), str(verdict.get("decided_by", "gate")))
        contract = contract_of(landed.manifest.dataset)
        try:
            work = partial(commit_load, contract, landed, verdict, why)
            with _room_for(connection, contract, landed, beside_build):
                done = in_transaction(connection, work)
            yield done
        except _Unchanged:
            remove(landed)
        except positions.Overtaken:
            remove(landed)
            positions.note_aside(connection, home, landed.manifest.dataset)
        except positions.TooEarly:
            continue
        except (LandingDamaged, SchemaConflict) as error:
            if landed.manifest.stream and isinstance(error, LandingDamaged):
                remove(landed)  # its messages are read again: its position does not stand
                continue
            # It would fail for ever and hold up everybody behind it.
            against = ledger.cause(f"cannot be committed: {error}", "warehouse")
            yield in_transaction(connection, partial(reject_load, landed, against))


def memory_for(contract: Contract) -> str:
    """Enough for DuckDB to hold the row groups that it is writing, wide ones included."""
    return f"{max(_LEAST_MB, _COLUMN_MB * len(contract.columns))}MB"


def _set_memory(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    connection.execute(f"set memory_limit = {literal(memory_for(contract))}")


@contextmanager
def _room_for(
    connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed, beside_build: bool
) -> Iterator[None]:
    """Memory by the contract's width, unless somebody else's work counts on more.

    One thread for a load of one row group: it cannot be shared, and two copy its rows twice.
    """
    if not beside_build:
        _set_memory(connection, contract)
    if beside_build or landed.manifest.rows_landed > ONE_ROW_GROUP:
        yield
        return
    connection.execute("set threads = 1")
    try:
        yield
    finally:
        with suppress(duckdb.Error):  # what went wrong before tells more
            connection.execute("reset threads")


def reject_load(landed: Landed, why: Cause, connection: duckdb.DuckDBPyConnection) -> Decided:
    """Decide against a load that cannot be written; runs inside the caller's transaction."""
    m = landed.manifest
    ledger.record_load(connection, landed, why)
    ledger.record_event(connection, "load", m.load_id, why)
    ledger.reject(connection, landed, why)
    return Decided(m.load_id, m.dataset, "rejected", why.reason, 0)


def in_transaction(connection: duckdb.DuckDBPyConnection, work: Work) -> Decided:
    """Run ``work`` in one transaction: all of it or nothing."""
    connection.begin()
    try:
        decided = work(connection)
        reached("commit.in_transaction")
        connection.commit()
    except BaseException:
        with suppress(duckdb.Error):  # a commit that failed has ended the transaction already
            connection.rollback()
        raise
    reached("commit.committed")
    return decided


def commit_load(
    contract: Contract,
    landed: Landed,
    verdict: dict[str, Any],
    why: Cause,
    connection: duckdb.DuckDBPyConnection,
) -> Decided:
    """Write one judged load; runs inside the caller's transaction."""
    m = landed.manifest
    check_segments(landed)
    ensure_tables(connection, contract)
    if m.stream:
        positions.advance(connection, m)
    ledger.record_load(connection, landed, why)
    ledger.record_event(connection, "load", m.load_id, why)
    _insert_quarantine(connection, landed)
    _insert_checks(connection, m, verdict)
    if verdict["outcome"] != "passed":
        ledger.reject(connection, landed, why)
        return Decided(m.load_id, m.dataset, "rejected", why.reason, 0)
    if m.stream and not m.rows_landed:
        ledger.accept_without_rows(connection, landed, why)
        return Decided(m.load_id, m.dataset, "accepted", why.reason, 0)
    return _accept(connection, contract, landed, why)


def answer(
    home: Path,
    kind: str,
    load_id: str,
    contract_of: ContractOf,
    why: Cause,
    connection: duckdb.DuckDBPyConnection,
) -> Decided:
    """Accept or withdraw a load; raises UnknownLoad. Runs inside the caller's transaction."""
    contract = contract_of(ledger.dataset_of(connection, load_id))
    ledger.record_event(connection, kind, load_id, why)
    if kind == "withdraw":
        return answers.withdraw(connection, load_id, why)
    had_units = connection.execute(
        "select 1 from ledger.units where load_id = ? limit 1", [load_id]
    ).fetchone()
    if had_units:
        return answers.accept_again(connection, contract, load_id, why)
    folder = home / "landing" / contract.dataset / load_id
    if not folder.is_dir():
        raise UnknownLoad(
            f"The rows of load {load_id} are no longer in landing. Ingest the file again."
        )
    return _accept(connection, contract, read_landed(folder), why)


def _accept(
    connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed, why: Cause
) -> Decided:
    m = landed.manifest
    if not m.rows_landed:
        raise UnknownLoad(f"Load {m.load_id} holds no rows that could be accepted.")
    fresh = ledger.write_units(connection, contract, landed)
    if not fresh.count:
        if not m.rows_quarantined and not m.stream:
            raise _Unchanged
        ledger.accept_without_rows(connection, landed, why)
        return Decided(m.load_id, m.dataset, "accepted", why.reason, 0, fresh.unchanged)
    insert_rows(connection, contract, landed, fresh)
    reached("commit.superseding")
    count = ledger.accept_fresh(connection, contract, landed, fresh, why)
    if m.replay_of:
        connection.execute(
            f"insert into quarantine.replayed select ?, _row, ? from {parquet(landed.segments)}",
            [m.replay_of, m.load_id],
        )
    return Decided(m.load_id, m.dataset, "accepted", why.reason, count, fresh.unchanged)


def _insert_quarantine(connection: duckdb.DuckDBPyConnection, landed: Landed) -> None:
    m = landed.manifest
    if m.rows_quarantined:
        connection.execute(
            'insert into quarantine.rows select ?, ?, ?, row, rule, "column", "value", source '
            f"from read_parquet({literal(str(landed.quarantine))})",
            [m.dataset, m.load_id, m.origin],
        )


def _insert_checks(
    connection: duckdb.DuckDBPyConnection, m: Manifest, verdict: dict[str, Any]
) -> None:
    # Of micro-batches, which are many, only what did not pass is kept.
    rows = [
        (
            m.load_id, check["rule"], check["severity"], check["outcome"], check.get("column"),
            check["observed"], check["expected"], check["message"],
            json.dumps(check.get("offenders", [])),
        )
        for check in verdict.get("results", ())
        if not m.stream or check["outcome"] != "passed"
    ]  # fmt: skip
    if rows:
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(rows))
        bound = [value for row in rows for value in row]
        connection.execute(f"insert into ledger.checks values {places}", bound)


def _carry_out(
    connection: duckdb.DuckDBPyConnection, home: Path, contract_of: ContractOf, beside_build: bool
) -> Iterator[Decided]:
    for path, wish in side.requests(home):
        why = ledger.cause(wish["reason"], wish["by"])
        if not beside_build:
            with suppress(WarehouseError):  # told below
                dataset = ledger.dataset_of(connection, wish["load_id"])
                _set_memory(connection, contract_of(dataset))
        work = partial(answer, home, wish["wish"], wish["load_id"], contract_of, why)
        try:
            done = in_transaction(connection, work)
        except (WarehouseError, LandingDamaged) as error:
            side.answer(path, {"done": False, "error": str(error)})
            continue
        except _Unchanged:
            error_text = f"The rows of load {wish['load_id']} are in force already."
            side.answer(path, {"done": False, "error": error_text})
            continue
        side.answer(path, {"done": True, "decision": done.decision, "slices": done.slices})
        yield done


class _Unchanged(Exception):
    """Raised inside a transaction when another load brought the same content meanwhile."""
