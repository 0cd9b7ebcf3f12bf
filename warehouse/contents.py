"""What there is to publish, and fingerprints by which a version is told from the one before.

A table is cut into parts (years of a mart, months of the ledger) once it is large, so that a
publish writes only the parts that changed. A fingerprint is the number of rows and the sum of
their hashes; it does not depend on their order. Of parts that nothing was written to since a
version was published, the fingerprints of that version hold.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import duckdb

from warehouse.database import literal, quote

MARTS, OPS = "marts", "ops"
PARTED_ROWS = 100_000  # smaller tables are one part: many small files cost more than they save
BY_PERIOD_ROWS = 2_000_000  # larger marts are parted by their periods, not only by years
WHOLE, EMPTY = "all", "0:"  # the one part of a table that is not cut, and of one without rows
_QUARANTINE = """
select dataset, load_id, rule, "column", count(*) as row_count from quarantine.rows group by all
"""
# Name, query, and what the rows of a large one are parted by, in SQL that PostgreSQL knows, too.
_OPS: Mapping[str, tuple[str, str]] = {
    "loads": ("select * exclude (committed_at) from ledger.loads", "left(load_id, 6)"),
    "units": ("from ledger.units", "cast(unit_id - unit_id % 50000 as varchar)"),
    "decisions": ("from ledger.decisions", "cast(decision_no - decision_no % 50000 as varchar)"),
    "checks": ("from ledger.checks", "left(load_id, 6)"),
    "quarantine_counts": (_QUARANTINE, "left(load_id, 6)"),
}
_DATED = "case when left(period, 1) in ('1', '2') then left(period, {}) else 'undated' end"
_YEAR, _PERIOD = _DATED.format(4), _DATED.format(7)


@dataclass(frozen=True)
class Held:
    """What a published version says of a table, and the years written to since."""

    columns: Mapping[str, str]
    parted_by: str
    parts: Mapping[str, str]
    stale: tuple[str, ...] = ()  # parts of which the names begin so


@dataclass(frozen=True)
class Table:
    """One table to publish: the query that gives its rows, and what they are like now."""

    schema: str
    name: str
    query: str  # in the warehouse
    columns: Mapping[str, str]  # name -> type
    parted_by: str = ""  # an expression over its columns; empty: one part
    parts: Mapping[str, str] = field(default_factory=dict)  # part -> rows:hash
    comments: Mapping[str, str] = field(default_factory=dict)  # column, or '' for the table

    @property
    def full_name(self) -> str:
        """schema.table"""
        return f"{self.schema}.{self.name}"

    @property
    def content(self) -> str:
        """``rows:digest`` of rows, columns and comments."""
        told = [dict(self.columns), dict(self.parts), dict(self.comments), self.parted_by]
        return f"{rows_of(self.parts)}:{digest(told)}"

    def of(self, parts: tuple[str, ...] | None, source: str) -> str:
        """A query of those parts of ``source``; None means all."""
        if parts is None or not self.parted_by:
            return f"from {source}"
        return f"from {source} where {self.part_in(parts)}"

    def part_in(self, parts: tuple[str, ...]) -> str:
        """The condition that a row lies in one of the parts."""
        exact = f"{self.parted_by} in ({', '.join(map(literal, parts))})"
        dated = self.parted_by in (_YEAR, _PERIOD) and all(part[0].isdecimal() for part in parts)
        return f"{_from_to(min(parts), max(parts))} and {exact}" if dated and parts else exact


def _from_to(first: str, last: str) -> str:
    """A condition that DuckDB holds against the least and greatest period of each row group."""
    return f"period >= {literal(first)} and period < {literal(last + ':')}"


@dataclass(frozen=True)
class View:
    """One view to publish, with its query in one form, however it was written or kept."""

    schema: str
    name: str
    query: str
    comments: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """schema.view"""
        return f"{self.schema}.{self.name}"

    @property
    def content(self) -> str:
        """``view:digest`` of query and comments."""
        return f"view:{digest([self.query, dict(self.comments)])}"


def tables(
    connection: duckdb.DuckDBPyConnection,
    comments: Mapping[str, str],
    held: Mapping[str, Held] | None = None,
) -> tuple[Table, ...]:
    """All tables to publish, marts first; ``comments`` by schema.table and schema.table.column.

    ``held`` says by schema.table what need not be measured again.
    """
    held = held or {}
    found = [
        _measured(
            connection,
            Table(MARTS, name, f"from {MARTS}.{quote(name)}", {}),
            "",
            held.get(f"{MARTS}.{name}"),
        )
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = ? "
            "and database_name = current_database() order by 1",
            [MARTS],
        ).fetchall()
    ]
    found += [
        _measured(connection, Table(OPS, name, f"from ({query})", {}), by)
        for name, (query, by) in _OPS.items()
    ]
    return tuple(_commented(connection, table, comments) for table in found)


def views(connection: duckdb.DuckDBPyConnection, comments: Mapping[str, str]) -> tuple[View, ...]:
    """All views of the marts, in the order in which they can be made."""
    found = connection.execute(
        "select view_name, sql from duckdb_views() where schema_name = ? "
        "and database_name = current_database() order by view_oid",
        [MARTS],
    ).fetchall()
    catalogue = str((connection.execute("select current_database()").fetchone() or ("",))[0])
    return tuple(
        View(MARTS, name, _portable(connection, sql, catalogue), _about(comments, MARTS, name))
        for name, sql in found
    )


def columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """schema.table -> column -> type of all marts, dimensions and views in the warehouse."""
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = ? "
        "and database_name = current_database() order by table_name, column_index",
        [MARTS],
    ).fetchall():
        found.setdefault(f"{MARTS}.{name}", {})[column] = kind
    return found


def fingerprints(
    connection: duckdb.DuckDBPyConnection, source: str, columns: Mapping[str, str], part: str
) -> dict[str, str]:
    """Part -> rows:hash of what ``source`` (beginning with ``from``) gives; empty without rows."""
    hashed = ", ".join(map(quote, columns))
    rows = connection.execute(
        f"select {part or literal(WHOLE)} as part, concat(count(*), ':', sum(hash({hashed}))) "
        f"{source} group by 1 order by 1"
    ).fetchall()
    return {str(name): str(content) for name, content in rows}


def digest(told: object) -> str:
    """A short digest of something that JSON can say."""
    canonical = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:24]


def _measured(
    connection: duckdb.DuckDBPyConnection, table: Table, parted_by: str, held: Held | None = None
) -> Table:
    described = connection.execute(f"describe {table.query}").fetchall()
    columns = {str(name): str(kind) for name, kind, *_ in described}
    counted = connection.execute(f"select count(*) {table.query}").fetchone()
    count = int(counted[0]) if counted else 0
    if table.schema == MARTS and columns.get("period") == "VARCHAR":
        parted_by = _PERIOD if count > BY_PERIOD_ROWS else _YEAR
    part = parted_by if count > PARTED_ROWS else ""
    measured = replace(table, columns=columns, parted_by=part)
    parts = _known(connection, measured, held) if held else None
    if parts is None or rows_of(parts) != count:
        parts = fingerprints(connection, table.query, columns, part)
    return replace(measured, parts=parts or {WHOLE: EMPTY})


def _known(
    connection: duckdb.DuckDBPyConnection, table: Table, held: Held
) -> dict[str, str] | None:
    """The parts, of which only those written to are measured; None where all are to be."""
    if held.columns != table.columns or held.parted_by != table.parted_by:
        return None
    if not held.stale:
        return dict(held.parts)
    if not table.parted_by:
        return None
    years = ", ".join(map(literal, held.stale))
    written = f"{_from_to(min(held.stale), max(held.stale))} and left(period, 4) in ({years})"
    query = f"{table.query} where {written}"
    again = fingerprints(connection, query, table.columns, table.parted_by)
    return {p: c for p, c in held.parts.items() if not p.startswith(held.stale)} | again


def rows_of(parts: Mapping[str, str]) -> int:
    """How many rows the parts have together."""
    return sum(int(content.split(":")[0]) for content in parts.values())


def _commented(
    connection: duckdb.DuckDBPyConnection, table: Table, comments: Mapping[str, str]
) -> Table:
    laid = connection.execute(
        "select column_name, comment from duckdb_columns() where schema_name = ? "
        "and table_name = ? and database_name = current_database() and comment is not null",
        [table.schema, table.name],
    ).fetchall()
    about = {**dict(laid), **_about(comments, table.schema, table.name)}
    known = {c: text for c, text in about.items() if not c or c in table.columns}
    return replace(table, comments=known)


def _about(comments: Mapping[str, str], schema: str, name: str) -> dict[str, str]:
    whole = f"{schema}.{name}"
    return {
        key.removeprefix(whole).removeprefix("."): text
        for key, text in comments.items()
        if key == whole or key.startswith(f"{whole}.")
    }


def _portable(connection: duckdb.DuckDBPyConnection, sql: str, catalogue: str) -> str:
    """The query of a ``create view`` statement, without the name of the warehouse's catalogue.

    It is told anew from its parsed form: DuckDB spaces a view's text otherwise once its file has
    been opened again.
    """
    query = sql[sql.upper().index(" AS ") + 4 :].rstrip().rstrip(";")
    parsed = _one(connection, "select json_serialize_sql(?)", query)
    plain = json.dumps(json.loads(parsed, object_hook=partial(_without_catalogue, catalogue)))
    return _one(connection, "select json_deserialize_sql(?)", plain)


def _without_catalogue(catalogue: str, node: dict[str, object]) -> dict[str, object]:
    return {**node, "catalog_name": ""} if node.get("catalog_name") == catalogue else node


def _one(connection: duckdb.DuckDBPyConnection, query: str, value: str) -> str:
    row = connection.execute(query, [value]).fetchone()
    assert row is not None, query
    return str(row[0])
