"""The ledger: an append-only sequence of decisions on loads; nothing in it is ever updated.

Decisions are *accepted*, *rejected*, *superseded* and *withdrawn*. A unit is one slice of one
load; a rejected load has a decision but no unit in force. Every function runs inside the
caller's transaction.
"""

from dataclasses import dataclass

import duckdb

from ingest.contract import Contract
from ingest.landing import Landed, now
from warehouse.database import literal
from warehouse.errors import UnknownLoad

REPLACING_KINDS = ("slice", "snapshot")


@dataclass(frozen=True)
class Decided:
    """What a decision did: which load, what, why, and how many of its slices it touched."""

    load_id: str
    dataset: str
    decision: str
    reason: str
    slices: int
    unchanged_slices: int = 0


def last_decision(connection: duckdb.DuckDBPyConnection) -> int:
    """Number of the newest decision; 0 before the first."""
    row = connection.execute(
        "select coalesce(max(decision_no), 0) from ledger.decisions"
    ).fetchone()
    return int(row[0]) if row else 0


def is_known(connection: duckdb.DuckDBPyConnection, load_id: str) -> bool:
    """True when the ledger has this load."""
    row = connection.execute(
        "select 1 from ledger.loads where load_id = ? limit 1", [load_id]
    ).fetchone()
    return row is not None


def record_load(connection: duckdb.DuckDBPyConnection, landed: Landed) -> None:
    """Write down a load's counts and where it came from."""
    m = landed.manifest
    connection.execute(
        "insert into ledger.loads values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            m.load_id, m.dataset, m.contract_identity, m.origin, m.source_sha256, m.source_bytes,
            m.rows_read, m.rows_landed, m.rows_quarantined, m.rows_duplicate, m.replay_of,
            list(m.drift), m.landed_at, now(),
        ],
    )  # fmt: skip


def stage_units(connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed) -> int:
    """Fill the temporary tables ``fresh`` (units to insert) and ``former`` (units they replace).

    Returns how many slices equal what stands (accepted, or withdrawn and not replaced since)
    under the same contract: a withdrawn slice comes back only by an explicit accept.
    """
    replacing = contract.revision.kind in REPLACING_KINDS
    identity = literal(landed.manifest.contract_identity)
    connection.execute(
        "create or replace temp table current as "
        "select u.unit_id, u.load_id, u.slice, u.fingerprint, u.contract_identity, s.state "
        f"from ledger.units as u join ledger.standing_units({literal(contract.dataset)}, "
        "(select coalesce(max(decision_no), 0) from ledger.decisions)) as s using (unit_id)"
    )
    same = (
        "exists (select 1 from current as c where c.slice = n.slice "
        f"and c.fingerprint = n.fingerprint and c.contract_identity = {identity})"
    )
    connection.execute(
        "create or replace temp table fresh as "
        "select n.*, (select coalesce(max(unit_id), 0) from ledger.units) "
        "+ row_number() over (order by n.slice) as unit_id "
        f"from read_parquet({literal(str(landed.units))}) as n where not {same}"
    )
    connection.execute(
        "create or replace temp table former as select c.unit_id, c.load_id from current as c "
        f"join fresh as f using (slice) where c.state = 'accepted' and {str(replacing).lower()}"
    )
    counted = connection.execute(
        f"select (select count(*) from read_parquet({literal(str(landed.units))})) "
        "- (select count(*) from fresh)"
    ).fetchone()
    return int(counted[0]) if counted else 0


def accept_staged(
    connection: duckdb.DuckDBPyConnection, landed: Landed, reason: str, by: str
) -> int:
    """Decide on the staged units: former ones are superseded, fresh ones accepted."""
    m = landed.manifest
    connection.execute(
        "insert into ledger.units "
        "select unit_id, ?, ?, slice, row_count, fingerprint, ? from fresh",
        [m.load_id, m.dataset, m.contract_identity],
    )
    _decide(connection, m.dataset, "former", None, "superseded", f"by load {m.load_id}", by)
    return _decide(connection, m.dataset, "fresh", m.load_id, "accepted", reason, by)


def reject(connection: duckdb.DuckDBPyConnection, landed: Landed, reason: str, by: str) -> None:
    """Decide against a whole load."""
    connection.execute(
        "insert into ledger.decisions values (?, ?, ?, null, 'rejected', ?, ?, ?)",
        [
            last_decision(connection) + 1, landed.manifest.dataset, landed.manifest.load_id,
            reason, by, now(),
        ],
    )  # fmt: skip


def withdraw(connection: duckdb.DuckDBPyConnection, load_id: str, reason: str, by: str) -> Decided:
    """Take the accepted slices of a load out of sight; raises UnknownLoad when it has none."""
    dataset = dataset_of(connection, load_id)
    _units_in_state(connection, dataset, load_id, "accepted")
    count = _decide(connection, dataset, "chosen", load_id, "withdrawn", reason, by)
    if not count:
        raise UnknownLoad(
            f"Load {load_id} has no accepted slice to withdraw. See 'dvina loads {dataset}'."
        )
    return Decided(load_id, dataset, "withdrawn", reason, count)


def accept_again(
    connection: duckdb.DuckDBPyConnection, load_id: str, reason: str, by: str, replacing: bool
) -> Decided:
    """Put withdrawn or superseded slices of a load in force again, superseding the present ones.

    Raises UnknownLoad when no slice of it is out of force.
    """
    dataset = dataset_of(connection, load_id)
    _units_in_state(connection, dataset, load_id, "withdrawn', 'superseded")
    connection.execute(
        "create or replace temp table former as select u.unit_id, u.load_id "
        "from ledger.units as u join ledger.current_units(getvariable('dataset'), "
        "getvariable('last')) using (unit_id) "
        "where u.slice in (select slice from ledger.units join chosen using (unit_id)) "
        f"and {str(replacing).lower()}"
    )
    _decide(connection, dataset, "former", None, "superseded", f"by load {load_id}", by)
    count = _decide(connection, dataset, "chosen", load_id, "accepted", reason, by)
    if not count:
        raise UnknownLoad(f"All slices of load {load_id} are in force already.")
    return Decided(load_id, dataset, "accepted", reason, count)


def dataset_of(connection: duckdb.DuckDBPyConnection, load_id: str) -> str:
    """The dataset of a load; raises UnknownLoad."""
    row = connection.execute(
        "select dataset from ledger.loads where load_id = ? limit 1", [load_id]
    ).fetchone()
    if row is None:
        raise UnknownLoad(f"No load {load_id} in the ledger. See 'dvina loads'.")
    return str(row[0])


def _units_in_state(
    connection: duckdb.DuckDBPyConnection, dataset: str, load_id: str, states: str
) -> None:
    connection.execute(f"set variable dataset = {literal(dataset)}")
    connection.execute(f"set variable last = {last_decision(connection)}")
    connection.execute(
        "create or replace temp table chosen as select unit_id, load_id from ledger.decisions "
        "where load_id = ? and unit_id is not null group by unit_id, load_id "
        f"having arg_max(decision, decision_no) in ('{states}')",
        [load_id],
    )


def _decide(
    connection: duckdb.DuckDBPyConnection,
    dataset: str,
    table: str,
    load_id: str | None,
    decision: str,
    reason: str,
    by: str,
) -> int:
    """One decision per unit of a temporary table; ``load_id`` None takes the table's own."""
    chosen = "load_id" if load_id is None else "?"
    bound = [] if load_id is None else [load_id]
    row = connection.execute(
        f"insert into ledger.decisions select {last_decision(connection)} "
        f"+ row_number() over (order by unit_id), ?, {chosen}, unit_id, ?, ?, ?, ? from {table}",
        [dataset, *bound, decision, reason, by, now()],
    ).fetchone()
    return int(row[0]) if row else 0
