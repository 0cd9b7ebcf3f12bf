"""Writes the files of a version: the DuckDB file, and Parquet for each part of a mart.

Where there is the DuckDB file of an older version, or a copy of one (``warehouse.aside``), only
rows that differ are written to it; Parquet files of parts that did not change are hard links.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import duckdb

from ingest.steps import reached
from warehouse.contents import MARTS, OPS, WHOLE, Table, View, rows_of
from warehouse.database import literal, quote
from warehouse.sums import PAGE_BYTES
from warehouse.versions import Version

STORAGE_VERSION = "v1.2.0"  # BI drivers built on DuckDB 1.2 can open it
_MOST_GROWTH = 2.0  # a copied file grows by what is deleted in it: beyond this it is written anew

# Of a table: None, it is new, or has other columns or parts; else the parts that differ.
Changes = Mapping[str, tuple[str, ...] | None]


def changes(tables: tuple[Table, ...], former: Version | None) -> Changes:
    """What of each table differs from the version before."""
    known = dict(former.manifest.get("parts", {})) if former else {}
    columns = dict(former.manifest.get("columns", {})) if former else {}
    parted_by = dict(former.manifest.get("parted_by", {})) if former else {}
    told: dict[str, tuple[str, ...] | None] = {}
    for table in tables:
        before, ours = known.get(table.full_name), table.parts
        alike = columns.get(table.full_name) == [list(column) for column in table.columns.items()]
        if before is None or not alike or parted_by.get(table.full_name) != table.parted_by:
            told[table.full_name] = None
        else:
            names = sorted({*before, *ours})
            told[table.full_name] = tuple(n for n in names if before.get(n) != ours.get(n))
    return told


def rows_to_write(tables: tuple[Table, ...], base: Version) -> int:
    """How many rows are written where the file of ``base`` is changed."""
    differ = changes(tables, base)
    return sum(
        rows_of({p: c for p, c in table.parts.items() if parts is None or p in parts})
        for table in tables
        for parts in (differ[table.full_name],)
    )


def may_be_base(former: Version) -> bool:
    """True where the version's DuckDB file is worth being changed into that of the next one."""
    whole = former.manifest.get("whole_bytes")
    if not whole or former.manifest.get("storage_version") != STORAGE_VERSION:
        return False
    return former.database.stat().st_size <= _MOST_GROWTH * int(whole)


def write_database(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: tuple[Table, ...],
    views: tuple[View, ...],
    base: Version | None,
) -> int:
    """Write the DuckDB file at ``path``; gives its size when it was last written as a whole.

    With ``base`` its file or a copy lies there, and what differs is brought up to date. Ends the
    transaction in which the tables were measured, so that both see the same rows.
    """
    differ = changes(tables, base)
    home = str((connection.execute("select current_database()").fetchone() or ("",))[0])
    connection.execute(
        f"attach {literal(str(path))} as aside "
        f"(storage_version {literal(STORAGE_VERSION)}, block_size {PAGE_BYTES})"
    )
    try:
        for schema in (MARTS, OPS):
            connection.execute(f"create schema if not exists aside.{schema}")
        _drop(connection, tables, differ)
        for table in tables:
            _bring(connection, table, differ[table.full_name])
            _comment(connection, "table", table, base)
            reached("publish.mid_write")
        _make_views(connection, views)
        connection.commit()
        connection.execute("checkpoint aside")
    finally:
        connection.execute(f"use {quote(home)}")
        connection.execute("detach aside")
    return int(base.manifest["whole_bytes"]) if base else path.stat().st_size


def parquet_files(table: Table) -> dict[str, str]:
    """Part -> path of its Parquet file within a version."""
    return {
        part: f"parquet/{table.name}/{table.name}{'' if part == WHOLE else '-' + part}.parquet"
        for part in table.parts
    }


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    tables: tuple[Table, ...],
    former: Version | None,
) -> tuple[Path, ...]:
    """Write or link the Parquet files of the marts; gives those that were written."""
    differ, written = changes(tables, former), []
    for table in tables:
        if table.schema != MARTS:
            continue
        (folder / "parquet" / table.name).mkdir(parents=True)
        parts = differ[table.full_name]
        for part, name in parquet_files(table).items():
            if former and parts is not None and part not in parts and _link(former, folder, name):
                continue
            one = table.of((part,), f"{MARTS}.{quote(table.name)}")
            target = literal(str(folder / name))
            connection.execute(f"copy ({one}) to {target} (format parquet, compression zstd)")
            written.append(folder / name)
    return tuple(written)


def _link(former: Version, folder: Path, name: str) -> bool:
    try:
        os.link(former.folder / name, folder / name)
    except OSError:  # another file system, or a file that is gone: it is written
        return False
    return True


def _drop(
    connection: duckdb.DuckDBPyConnection, tables: tuple[Table, ...], differ: Changes
) -> None:
    """Remove views, and tables that are gone or have other columns."""
    for schema, name in connection.execute(
        "select schema_name, view_name from duckdb_views() "
        "where database_name = 'aside' and not internal"
    ).fetchall():
        connection.execute(f"drop view aside.{schema}.{quote(name)}")
    stay = {table.full_name for table in tables if differ[table.full_name] is not None}
    for schema, name in connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'aside'"
    ).fetchall():
        if f"{schema}.{name}" not in stay:
            connection.execute(f"drop table aside.{schema}.{quote(name)}")


def _bring(
    connection: duckdb.DuckDBPyConnection, table: Table, parts: tuple[str, ...] | None
) -> None:
    """Make the table aside equal to that of the warehouse."""
    target = f"aside.{table.schema}.{quote(table.name)}"
    if parts is None:
        connection.execute(f"create table {target} as {table.query}")
    elif parts:
        _bring_rows(connection, table, target, table.part_in(parts) if table.parted_by else "true")


def _bring_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, target: str, within: str
) -> None:
    """Replace the rows that differ: a file that is used again grows by no others."""
    row = f"hash({', '.join(map(quote, table.columns))})"
    connection.execute(
        "create or replace temp table differing as select row from ("
        f"select {row} as row, 1 as copies {table.query} where {within} "
        f"union all select {row}, -1 from {target} where {within}"
        ") group by row having sum(copies) <> 0"
    )
    among = f"where {within} and {row} in (from differing)"
    connection.execute(f"delete from {target} {among}")
    connection.execute(f"insert into {target} {table.query} {among}")
    connection.execute("drop table differing")


def _comment(
    connection: duckdb.DuckDBPyConnection, kind: str, table: Table | View, base: Version | None
) -> None:
    """Lay the comments of a table or view, unless all of it is as it was."""
    if base and base.tables.get(table.full_name) == table.content:
        return
    target = f"aside.{table.schema}.{quote(table.name)}"
    for column, text in table.comments.items():
        what = f"column {target}.{quote(column)}" if column else f"{kind} {target}"
        connection.execute(f"comment on {what} is {literal(text)}")


def _make_views(connection: duckdb.DuckDBPyConnection, views: tuple[View, ...]) -> None:
    if not views:
        return
    connection.execute("use aside")  # a view finds its tables in the file that it stands in
    for view in views:
        connection.execute(f"create view {view.schema}.{quote(view.name)} as {view.query}")
        _comment(connection, "view", view, None)
