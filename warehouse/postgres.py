"""Brings a published version into PostgreSQL, beside the DuckDB file and under the same names.

All of it is one transaction that deletes and inserts only the parts that differ, and changes no
names: a reader sees the version before until it is committed, tables are never missing or empty,
nobody waits for anybody, and views that others made on the tables stay. A transaction of a
reader at isolation level repeatable read sees one version to its end. Only where a table gets
other columns it is made anew, and readers of that table wait for the commit.
"""

from collections.abc import Mapping
from typing import Any

import duckdb

from warehouse.contents import MARTS, OPS, digest
from warehouse.database import literal, quote
from warehouse.errors import PublishFailed
from warehouse.versions import Version

READER_ROLE = "dvina_reader"
_LOCK = 7_316_209_418
_BATCH_ROWS = 65_536
_INDEXED = ("_code", "_id", "period")
_TYPES = {
    "VARCHAR": "text", "BOOLEAN": "boolean", "INTEGER": "integer", "BIGINT": "bigint",
    "DOUBLE": "double precision", "DATE": "date", "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}  # fmt: skip
_PREPARED = f"""
create schema if not exists {MARTS};
create schema if not exists {OPS};
create schema if not exists dvina_meta;
create table if not exists dvina_meta.parts (
    name text not null, part text not null, content text not null, primary key (name, part)
);
"""
State = dict[str, dict[str, str]]  # table or view -> part, or what of it -> content


def publish_to_postgres(version: Version, uri: str) -> bool:
    """Make the tables of PostgreSQL equal to the version; False when they were already.

    Raises PublishFailed, and then PostgreSQL has the version that it had.
    """
    try:
        import adbc_driver_postgresql.dbapi as driver
    except ImportError as error:
        raise PublishFailed(
            "adbc-driver-postgresql is not installed. Run: uv sync --extra postgres"
        ) from error
    try:
        with driver.connect(uri) as connection, connection.cursor() as cursor:
            changed = _bring(cursor, version)
            connection.commit()
            return changed
    except (driver.Error, duckdb.Error) as error:
        raise PublishFailed(
            f"PostgreSQL keeps the version that it had: {error}. The DuckDB file is published. "
            "Mend the cause, then run 'dvina publish'."
        ) from error


def _bring(cursor: Any, version: Version) -> bool:
    cursor.execute(f"select pg_advisory_xact_lock({_LOCK})")
    for statement in filter(str.strip, _PREPARED.split(";")):
        cursor.execute(statement)
    known = _state(cursor)
    if known.get("", {}).get("version") == version.version_id:
        return False
    _ensure_reader(cursor)
    wanted = version.manifest
    with duckdb.connect(str(version.database), read_only=True) as source:
        comments = _comments(source)
        _drop_what_changed(cursor, known, wanted)
        for name, columns in wanted["columns"].items():
            _bring_table(cursor, source, name, known.get(name, {}), wanted, dict(columns))
        for name, query in wanted["views"].items():
            if known.get(name, {}).get("query") != _digest_of_view(wanted, name):
                cursor.execute(f"create view {name} as {query}")
        for name, told in comments.items():
            if known.get(name, {}).get("comments") != digest(told) or _is_new(known, wanted, name):
                _comment(cursor, name, told, "view" if name in wanted["views"] else "table")
    for schema in (MARTS, OPS):
        cursor.execute(f"grant select on all tables in schema {schema} to {READER_ROLE}")
    _remember(cursor, version, comments)
    return True


def _state(cursor: Any) -> State:
    cursor.execute("select name, part, content from dvina_meta.parts")
    known: State = {}
    for name, part, content in cursor.fetchall():
        known.setdefault(name, {})[part] = content
    return known


def _ensure_reader(cursor: Any) -> None:
    """A role that may only read; operators grant it to logins."""
    cursor.execute(f"select 1 from pg_roles where rolname = {literal(READER_ROLE)}")
    if cursor.fetchone() is None:
        cursor.execute(f"create role {READER_ROLE} nologin")
    for schema in (MARTS, OPS):
        cursor.execute(f"grant usage on schema {schema} to {READER_ROLE}")


def _is_new(known: State, wanted: Mapping[str, Any], name: str) -> bool:
    """True for tables and views that are made in this transaction."""
    if name in wanted["views"]:
        return known.get(name, {}).get("query") != _digest_of_view(wanted, name)
    return known.get(name, {}).get("columns") != digest(wanted["columns"][name])


def _digest_of_view(wanted: Mapping[str, Any], name: str) -> str:
    """Of the query and of all columns that it could read: a new table takes its views along."""
    return digest([wanted["views"][name], wanted["columns"]])


def _drop_what_changed(cursor: Any, known: State, wanted: Mapping[str, Any]) -> None:
    there = [*wanted["views"], *wanted["columns"]]
    for name in known:
        if "query" in known[name] and (name not in there or _is_new(known, wanted, name)):
            cursor.execute(f"drop view if exists {name} cascade")
    for name in known:
        if "columns" in known[name] and (name not in there or _is_new(known, wanted, name)):
            cursor.execute(f"drop table if exists {name} cascade")


def _bring_table(
    cursor: Any,
    source: duckdb.DuckDBPyConnection,
    name: str,
    known: Mapping[str, str],
    wanted: Mapping[str, Any],
    columns: Mapping[str, str],
) -> None:
    parts, parted_by = wanted["parts"][name], wanted["parted_by"][name]
    is_new = known.get("columns") != digest(wanted["columns"][name])
    if is_new:
        told = ", ".join(f"{quote(c)} {_type(kind)}" for c, kind in columns.items())
        cursor.execute(f"create table {name} ({told})")
    before = {p.removeprefix("part "): c for p, c in known.items() if p.startswith("part ")}
    differ = sorted(p for p in {*before, *parts} if before.get(p) != parts.get(p))
    if is_new or (differ and known.get("parted_by") != parted_by) or not parted_by:
        where = ""
    else:
        where = f" where {parted_by} in ({', '.join(map(literal, differ))})"
    if is_new or differ:
        if not is_new:
            cursor.execute(f"delete from {name}{where}")
        _copy(cursor, source, name, columns, where)
    if is_new:
        for column in columns:
            if column.endswith(_INDEXED):
                cursor.execute(f"create index on {name} ({quote(column)})")


def _copy(
    cursor: Any,
    source: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, str],
    where: str,
) -> None:
    chosen = ", ".join(f"{_cast(c, kind)} as {quote(c)}" for c, kind in columns.items())
    batches = source.execute(f"select {chosen} from {name}{where}").to_arrow_reader(_BATCH_ROWS)
    schema, table = name.split(".")
    cursor.adbc_ingest(table, batches, mode="append", db_schema_name=schema)


def _type(kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return kind.replace("DECIMAL", "numeric")
    if kind.endswith("[]"):
        return f"{_type(kind.removesuffix('[]'))}[]"
    return _TYPES.get(kind, "text")


def _cast(column: str, kind: str) -> str:
    known = kind in _TYPES or kind.startswith("DECIMAL") or kind.endswith("[]")
    return quote(column) if known else f"cast({quote(column)} as varchar)"


def _comments(source: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """schema.table -> column, or '' for the table itself -> comment."""
    name = "select schema_name || '.' || "
    rows = source.execute(
        f"{name} table_name, '', comment from duckdb_tables() union all "
        f"{name} view_name, '', comment from duckdb_views() where not internal union all "
        f"{name} table_name, column_name, comment from duckdb_columns() where not internal"
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for name, column, text in rows:
        if text is not None:
            found.setdefault(name, {})[column] = text
    return found


def _comment(cursor: Any, name: str, told: Mapping[str, str], kind: str) -> None:
    for column, text in told.items():
        what = f"column {name}.{quote(column)}" if column else f"{kind} {name}"
        cursor.execute(f"comment on {what} is {literal(text)}")


def _remember(cursor: Any, version: Version, comments: Mapping[str, Mapping[str, str]]) -> None:
    wanted = version.manifest
    rows = [("", "version", version.version_id)]
    for name, columns in wanted["columns"].items():
        rows.append((name, "columns", digest(columns)))
        rows.append((name, "parted_by", wanted["parted_by"][name]))
        rows += [(name, f"part {p}", content) for p, content in wanted["parts"][name].items()]
    rows += [(name, "query", _digest_of_view(wanted, name)) for name in wanted["views"]]
    rows += [(name, "comments", digest(told)) for name, told in comments.items()]
    told = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    cursor.execute("delete from dvina_meta.parts")
    cursor.execute(f"insert into dvina_meta.parts values {told}")
