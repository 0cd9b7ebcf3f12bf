"""What there is to publish, and fingerprints by which a version is told from the one before.

A table is cut into parts (years of a mart, months of the ledger) once it is large, so that a
publish writes only the parts that changed. A fingerprint is the number of rows and the sum of
their hashes; it does not depend on their order.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import duckdb

from warehouse.database import literal, quote

MARTS, OPS = "marts", "ops"
PARTED_ROWS = 100_000  # smaller tables are one part: many small files cost more than they save
WHOLE = "all"
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
_YEAR = "case when left(period, 1) in ('1', '2') then left(period, 4) else 'undated' end"


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
        rows = sum(int(part.split(":")[0]) for part in self.parts.values())
        told = [dict(self.columns), dict(self.parts), dict(self.comments), self.parted_by]
        return f"{rows}:{digest(told)}"

    def of(self, parts: tuple[str, ...] | None, source: str) -> str:
        """A query of those parts of ``source``; None means all."""
        if parts is None or not self.parted_by:
            return f"from {source}"
        return f"from {source} where {self.part_in(parts)}"

    def part_in(self, parts: tuple[str, ...]) -> str:
        """The condition that a row lies in one of the parts."""
        return f"{self.parted_by} in ({', '.join(map(literal, parts))})"


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


def tables(connection: duckdb.DuckDBPyConnection, comments: Mapping[str, str]) -> tuple[Table, ...]:
    """All tables to publish, marts first; ``comments`` by schema.table and schema.table.column."""
    found = [
        _measured(connection, Table(MARTS, name, f"from {MARTS}.{quote(name)}", {}), _YEAR)
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
    """Part -> rows:hash of what ``source`` (beginning with ``from``) gives."""
    hashed = ", ".join(map(quote, columns))
    rows = connection.execute(
        f"select {part or literal(WHOLE)} as part, concat(count(*), ':', sum(hash({hashed}))) "
        f"{source} group by 1 order by 1"
    ).fetchall()
    return {str(name): str(content) for name, content in rows} or {WHOLE: "0:"}


def digest(told: object) -> str:
    """A short digest of something that JSON can say."""
    canonical = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:24]


def _measured(connection: duckdb.DuckDBPyConnection, table: Table, parted_by: str) -> Table:
    described = connection.execute(f"describe {table.query}").fetchall()
    columns = {str(name): str(kind) for name, kind, *_ in described}
    part = ""
    if table.schema == OPS or columns.get("period") == "VARCHAR":
        counted = connection.execute(f"select count(*) {table.query}").fetchone()
        if counted and counted[0] > PARTED_ROWS:
            part = parted_by
    parts = fingerprints(connection, table.query, columns, part)
    return Table(table.schema, table.name, table.query, columns, part, parts)


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
    return Table(**{**vars(table), "comments": known})


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
