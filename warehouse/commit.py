"""Commits landed and judged loads: rows, quarantine, checks and decision in one transaction.

Whoever holds the lock commits everything that waits, its own and the others', and carries out
requests to accept or withdraw. What is committed once is never committed again, because the
ledger names the load.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.landing import Landed, landed_loads, read_landed, read_verdict, remove
from ingest.steps import reached
from warehouse import ledger, side
from warehouse.database import literal, quote
from warehouse.errors import UnknownLoad, WarehouseError
from warehouse.ledger import Decided
from warehouse.tables import ensure_tables

ContractOf = Callable[[str], Contract]


def commit_pending(
    connection: duckdb.DuckDBPyConnection, home: Path, contract_of: ContractOf
) -> tuple[Decided, ...]:
    """Commit every judged load and every request that waits; each in a transaction of its own."""
    decided = [*_commit_loads(connection, home, contract_of)]
    decided += _carry_out(connection, home, contract_of)
    side.catch_up(connection, home)
    if decided:
        reached("commit.side_store_written")
    return tuple(decided)


def pending(home: Path) -> tuple[Landed, ...]:
    """Landed loads that the side store knows no decision of, oldest first."""
    return tuple(landed_loads(home / "landing", side.known_loads(home)))


def _commit_loads(
    connection: duckdb.DuckDBPyConnection, home: Path, contract_of: ContractOf
) -> Iterator[Decided]:
    for landed in pending(home):
        verdict = read_verdict(landed)
        if verdict is None or ledger.is_known(connection, landed.manifest.load_id):
            continue
        work = partial(_commit, contract_of(landed.manifest.dataset), landed, verdict)
        try:
            yield in_transaction(connection, work)
        except _Unchanged:
            remove(landed)


def in_transaction(
    connection: duckdb.DuckDBPyConnection,
    work: Callable[[duckdb.DuckDBPyConnection], Decided],
) -> Decided:
    """Run ``work`` in one transaction: all of it or nothing."""
    connection.begin()
    try:
        decided = work(connection)
        reached("commit.in_transaction")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    reached("commit.committed")
    return decided


def _commit(
    contract: Contract,
    landed: Landed,
    verdict: dict[str, Any],
    connection: duckdb.DuckDBPyConnection,
) -> Decided:
    manifest = landed.manifest
    ensure_tables(connection, contract)
    ledger.record_load(connection, landed)
    _insert_quarantine(connection, landed)
    _insert_checks(connection, manifest.load_id, verdict)
    by = str(verdict.get("decided_by", "gate"))
    if verdict["outcome"] != "passed":
        reason = str(verdict["reason"])
        ledger.reject(connection, landed, reason, by)
        return Decided(manifest.load_id, manifest.dataset, "rejected", reason, 0)
    return _accept(connection, contract, landed, str(verdict.get("reason", "passed")), by)


def _accept(
    connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed, reason: str, by: str
) -> Decided:
    unchanged = ledger.stage_units(connection, contract, landed)
    if unchanged == pq.read_metadata(landed.units).num_rows:
        raise _Unchanged
    _insert_rows(connection, contract, landed)
    reached("commit.superseding")
    count = ledger.accept_staged(connection, landed, reason, by)
    m = landed.manifest
    return Decided(m.load_id, m.dataset, "accepted", reason, count, unchanged)


def _insert_rows(connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed) -> None:
    columns = ", ".join(quote(c.name) for c in contract.columns)
    shown = ", ".join(f"r.{quote(c.name)}" for c in contract.columns)
    files = ", ".join(literal(str(path)) for path in landed.segments)
    by = [quote(name) for name in contract.revision.by]
    on = " and ".join(f"r.{c} is not distinct from f.{c}" for c in by) or "true"
    connection.execute(
        f"insert into raw.{quote(contract.dataset)} ({columns}, _row, _unit_id) "
        f"select {shown}, r._row, f.unit_id from read_parquet([{files}]) as r "
        f"join fresh as f on {on}"
    )


def _insert_quarantine(connection: duckdb.DuckDBPyConnection, landed: Landed) -> None:
    m = landed.manifest
    if m.rows_quarantined:
        connection.execute(
            'insert into quarantine.rows select ?, ?, ?, row, rule, "column", "value", source '
            f"from read_parquet({literal(str(landed.quarantine))})",
            [m.dataset, m.load_id, m.origin],
        )


def _insert_checks(
    connection: duckdb.DuckDBPyConnection, load_id: str, verdict: dict[str, Any]
) -> None:
    for check in verdict.get("results", ()):
        connection.execute(
            "insert into ledger.checks values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                load_id, check["rule"], check["severity"], check["outcome"], check.get("column"),
                check["observed"], check["expected"], check["message"],
            ],
        )  # fmt: skip


def _carry_out(
    connection: duckdb.DuckDBPyConnection, home: Path, contract_of: ContractOf
) -> Iterator[Decided]:
    for path, request in side.requests(home):
        try:
            answer = in_transaction(connection, partial(_answer, home, request, contract_of))
            side.answer(path, {"done": True, "decision": answer.decision, "slices": answer.slices})
            yield answer
        except WarehouseError as error:
            side.answer(path, {"done": False, "error": str(error)})


def _answer(
    home: Path,
    request: dict[str, str],
    contract_of: ContractOf,
    connection: duckdb.DuckDBPyConnection,
) -> Decided:
    load_id, reason, by = request["load_id"], request["reason"], request["by"]
    if request["wish"] == "withdraw":
        return ledger.withdraw(connection, load_id, reason, by)
    contract = contract_of(ledger.dataset_of(connection, load_id))
    had_units = connection.execute(
        "select 1 from ledger.units where load_id = ? limit 1", [load_id]
    ).fetchone()
    if had_units:
        replacing = contract.revision.kind in ledger.REPLACING_KINDS
        return ledger.accept_again(connection, load_id, reason, by, replacing)
    folder = home / "landing" / contract.dataset / load_id
    if not folder.is_dir():
        raise UnknownLoad(
            f"The rows of load {load_id} are no longer in landing. Ingest the file again."
        )
    return _accept(connection, contract, read_landed(folder), reason, by)


class _Unchanged(Exception):
    """Raised inside a transaction when another load brought the same content meanwhile."""
