"""The ledger: append-only events and decisions on loads; nothing in it is ever updated.

Decisions are *accepted*, *rejected*, *superseded* and *withdrawn*. A unit is one slice of one
load, or a part of a slice; a rejected load has a decision but no unit in force. Every function
runs inside the caller's transaction, and one transaction is one event.
"""

from dataclasses import dataclass

import duckdb
import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.landing import EXACTLY, Landed, now
from warehouse.database import literal, quote
from warehouse.errors import UnknownLoad
from warehouse.tables import rows_sql, stored_columns

REPLACING_KINDS = ("slice", "snapshot")


@dataclass(frozen=True)
class Cause:
    """Why, by whom and when (ISO 8601, UTC) something is decided."""

    reason: str
    by: str
    at: str


@dataclass(frozen=True)
class Decided:
    """What an event decided: which load, what, why, and how many of its slices it touched."""

    load_id: str
    dataset: str
    decision: str
    reason: str
    slices: int
    unchanged_slices: int = 0


@dataclass(frozen=True)
class Fresh:
    """The units that a load brought, numbered from ``first`` to ``last``; none where they equal.

    ``unchanged`` counts the slices of the load that equal what stands.
    """

    first: int
    last: int
    unchanged: int

    @property
    def count(self) -> int:
        """How many units are new."""
        return self.last - self.first + 1

    @property
    def sql(self) -> str:
        """The units as a query."""
        return f"(from ledger.units where unit_id between {self.first} and {self.last})"


def cause(reason: str, by: str) -> Cause:
    """A cause of now."""
    return Cause(reason, by, now())


def last_decision(connection: duckdb.DuckDBPyConnection) -> int:
    """Number of the newest decision; 0 before the first."""
    return _number(connection, "select coalesce(max(decision_no), 0) from ledger.decisions")


def is_known(connection: duckdb.DuckDBPyConnection, load_id: str) -> bool:
    """True when the ledger has this load."""
    return bool(_number(connection, "select count(*) from ledger.loads where load_id = ?", load_id))


def dataset_of(connection: duckdb.DuckDBPyConnection, load_id: str) -> str:
    """The dataset of a load; raises UnknownLoad."""
    row = connection.execute(
        "select dataset from ledger.loads where load_id = ? limit 1", [load_id]
    ).fetchone()
    if row is None:
        raise UnknownLoad(f"No load {load_id} in the ledger. See 'dvina loads'.")
    return str(row[0])


def record_load(connection: duckdb.DuckDBPyConnection, landed: Landed, why: Cause) -> None:
    """Write down a load's counts and where it came from."""
    m = landed.manifest
    connection.execute(
        "insert into ledger.loads values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            m.load_id, m.dataset, m.contract_identity, m.origin, m.source_sha256, m.source_bytes,
            m.rows_read, m.rows_landed, m.rows_quarantined, m.rows_duplicate, m.replay_of,
            list(m.drift), m.quarantine_fingerprint, m.landed_at, why.at,
        ],
    )  # fmt: skip


def record_event(
    connection: duckdb.DuckDBPyConnection, kind: str, load_id: str, why: Cause
) -> None:
    """Write down what the transaction is about: ``load``, ``accept`` or ``withdraw``."""
    connection.execute(
        "insert into ledger.events select coalesce(max(event_no), 0) + 1, ?, ?, ?, ?, ? "
        "from ledger.events",
        [kind, load_id, why.reason, why.by, why.at],
    )


def write_units(connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed) -> Fresh:
    """Write the units that a load brings, and keep what stands of its slices in ``standing``.

    A slice that equals what stands (accepted, or withdrawn and not replaced since) under the same
    contract brings none: a withdrawn slice comes back only by an explicit accept.
    """
    m = landed.manifest
    units = f"read_parquet({literal(str(landed.units))})"
    connection.execute(
        "create or replace temp table standing as select u.*, s.state from ledger.units as u join ("
        "select unit_id, arg_max(decision, decision_no) as state from ledger.decisions "
        f"where dataset = {literal(contract.dataset)} and unit_id is not null group by unit_id"
        ") as s using (unit_id) "
        f"where s.state in ('accepted', 'withdrawn') and u.slice in (select slice from {units})"
    )
    before = _number(connection, "select coalesce(max(unit_id), 0) from ledger.units")
    count = _number(
        connection,
        f"insert into ledger.units select {before} + row_number() over (order by n.slice), ?, ?, "
        f"n.slice, ?, n.row_count, n.fingerprint, ?, ?, n.constants from {units} as n "
        "anti join (from standing where scope = ? and contract_identity = ? and (state = 'accepted'"
        " or slice not in (select slice from standing where state = 'accepted'))) as s "
        "on s.slice = n.slice and s.fingerprint = n.fingerprint",
        m.load_id, m.dataset, m.scope_text, m.contract_identity, m.replay_of,
        m.scope_text, m.contract_identity,
    )  # fmt: skip
    slices = int(pq.read_metadata(landed.units).num_rows)
    return Fresh(before + 1, before + count, slices - count)


def accept_fresh(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    landed: Landed,
    fresh: Fresh,
    why: Cause,
) -> int:
    """Decide on the units of a load: what they replace is superseded, they are accepted.

    A replay replaces nothing: its units join those of the load they come from, unless a later
    load has taken the slice since. Returns how many units are accepted.
    """
    m = landed.manifest
    if m.replay_of:
        fate = (
            "case when exists (select 1 from standing as s where s.slice = f.slice "
            "and s.state = 'accepted' "
            f"and s.load_id <> {literal(m.replay_of)} and s.adds_to is distinct from "
            f"{literal(m.replay_of)}) then 'superseded' else 'accepted' end"
        )
        ours = f"(select unit_id, load_id, {fate} as fate from {fresh.sql} as f)"
        decide(connection, m.dataset, (ours, "fate", why))
        return _number(connection, f"select count(*) from {ours} where fate = 'accepted'")
    accepted = (fresh.sql, "'accepted'", why)
    if contract.revision.kind in REPLACING_KINDS:
        replaced = Cause(f"by load {m.load_id}", why.by, why.at)
        former = _former(connection, contract, landed, fresh, replaced)
        decide(connection, m.dataset, (former, "'superseded'", replaced), accepted)
    else:
        decide(connection, m.dataset, accepted)
    return fresh.count


def accept_without_rows(connection: duckdb.DuckDBPyConnection, landed: Landed, why: Cause) -> None:
    """Decide for a load that brings refused rows only: all its slices stand already."""
    m = landed.manifest
    connection.execute(
        "insert into ledger.decisions values (?, ?, ?, null, 'accepted', ?, ?, ?)",
        [last_decision(connection) + 1, m.dataset, m.load_id, why.reason, why.by, why.at],
    )


def reject(connection: duckdb.DuckDBPyConnection, landed: Landed, why: Cause) -> None:
    """Decide against a whole load."""
    m = landed.manifest
    connection.execute(
        "insert into ledger.decisions values (?, ?, ?, null, 'rejected', ?, ?, ?)",
        [last_decision(connection) + 1, m.dataset, m.load_id, why.reason, why.by, why.at],
    )


def decide(
    connection: duckdb.DuckDBPyConnection, dataset: str, *changes: tuple[str, str, Cause]
) -> int:
    """One decision per unit of each table, in turn: the table, the decision as SQL over it, why."""
    before = last_decision(connection)
    steps = " union all ".join(
        f"select {step} as step, unit_id, load_id, {decision} as decision, ? as reason, "
        f"? as decided_by, ?::timestamptz as decided_at from {table}"
        for step, (table, decision, _) in enumerate(changes)
    )
    bound = [value for _, _, why in changes for value in (why.reason, why.by, why.at)]
    return _number(
        connection,
        f"insert into ledger.decisions select {before} + row_number() over (order by step, "
        f"unit_id), ?, load_id, unit_id, decision, reason, decided_by, decided_at from ({steps})",
        dataset,
        *bound,
    )


def _former(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    landed: Landed,
    fresh: Fresh,
    why: Cause,
) -> str:
    """SQL of the units that the fresh ones replace; what lies outside is saved.

    Of a unit that reaches beyond the load's scope, the rows outside become a unit of their own
    under their old load: a narrower load never destroys a wider one.
    """
    m = landed.manifest
    outside = scope_condition(m.scope, negated=True)
    rivals = "s.state = 'accepted'"
    if fresh.unchanged:
        rivals += f" and s.slice in (select slice from {fresh.sql})"
    if not outside:
        return f"(from standing as s where {rivals})"
    columns = ", ".join(quote(column.name) for column in contract.columns)
    rows = (
        f"select *, hash({columns}) as _hash from ({rows_sql(connection, contract)}) "
        f"where _unit_id in (select s.unit_id from standing as s where {rivals})"
    )
    connection.execute(
        "create or replace temp table rest as select s.unit_id, count(r._unit_id) as row_count, "
        f"concat(count(r._unit_id), ':', sum(r._hash)) as fingerprint from standing as s left join "
        f"({rows} and {outside}) as r "
        f"on r._unit_id = s.unit_id where {rivals} group by s.unit_id"
    )
    connection.execute(
        "create or replace temp table former as select s.* from standing as s "
        "join rest using (unit_id) where rest.row_count < s.row_count"
    )
    connection.execute(
        f"create or replace temp table carved as select {fresh.last} "
        "+ row_number() over (order by f.unit_id) as unit_id, f.unit_id as old_unit_id, "
        "f.load_id, f.slice, concat(f.scope, ' except ', ?) as scope, r.row_count, r.fingerprint, "
        "f.contract_identity, f.adds_to, f.constants "
        "from former as f join rest as r using (unit_id) where r.row_count > 0",
        [m.scope_text],
    )
    connection.execute(
        "insert into ledger.units select unit_id, load_id, ?, slice, scope, row_count, "
        "fingerprint, contract_identity, adds_to, constants from carved",
        [contract.dataset],
    )
    stored = "".join(f"{quote(name)}, " for name in stored_columns(connection, contract.dataset))
    connection.execute(
        f"insert into raw.{quote(contract.dataset)} ({stored}_row, _unit_id) "
        f"select {stored}_row, c.unit_id from ({rows} and {outside}) as r "
        "join carved as c on r._unit_id = c.old_unit_id"
    )
    left = Cause(f"what lies outside the scope of load {m.load_id}", why.by, why.at)
    decide(connection, contract.dataset, ("carved", "'accepted'", left))
    return "former"


def scope_condition(scope: dict[str, list[str]], *, negated: bool) -> str:
    """The rows inside a load's scope as SQL, or those outside; empty for a whole slice."""
    inside = " and ".join(_in_scope(quote(c), values) for c, values in sorted(scope.items()))
    return f"not ({inside})" if inside and negated else inside


def _in_scope(column: str, values: list[str]) -> str:
    """A column's values as SQL: whole ones as a list, prefixes each by itself."""
    whole = [literal(v.removeprefix(EXACTLY)) for v in values if v.startswith(EXACTLY)]
    ways = [f"starts_with({column}, {literal(v)})" for v in values if not v.startswith(EXACTLY)]
    if whole:
        ways.append(f"{column} in ({', '.join(whole)})")
    return f"coalesce({' or '.join(ways)}, false)"


def _number(connection: duckdb.DuckDBPyConnection, query: str, *bound: object) -> int:
    row = connection.execute(query, list(bound)).fetchone()
    return int(row[0]) if row else 0
