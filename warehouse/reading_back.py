"""Reads what was written of a version as a reader would, and holds it against the warehouse."""

from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb

from warehouse.contents import EMPTY, MARTS, WHOLE, Table, fingerprints, rows_of
from warehouse.database import quote
from warehouse.errors import PublishFailed
from warehouse.snapshot import Changes, parquet_files


def verify_database(path: Path, tables: tuple[Table, ...], differ: Changes) -> None:
    """All tables have their rows, and the parts that were written are the same.

    Raises PublishFailed.
    """
    with duckdb.connect(path, read_only=True) as reader:
        for table in tables:
            source = f"{table.schema}.{quote(table.name)}"
            counted = reader.execute(f"select count(*) from {source}").fetchone()
            if counted != (rows_of(table.parts),):
                raise _otherwise(table, source)
            parts = differ[table.full_name]
            wanted = {p: c for p, c in table.parts.items() if parts is None or p in parts}
            if wanted:
                _compare(reader, table, source, wanted)


def verify_parquet(folder: Path, tables: tuple[Table, ...], written: Collection[Path]) -> None:
    """Each file that was written holds its part of a mart; raises PublishFailed."""
    with duckdb.connect() as reader:
        for table in tables:
            if table.schema != MARTS:
                continue
            for part, name in parquet_files(table).items():
                if folder / name in written:
                    source = f"read_parquet('{_as_is(folder / name)}')"
                    _compare(reader, table, source, {part: table.parts[part]})


def _compare(
    reader: duckdb.DuckDBPyConnection, table: Table, source: str, wanted: Mapping[str, str]
) -> None:
    query = table.of(tuple(wanted), source)
    columns = {
        str(name): str(kind) for name, kind, *_ in reader.execute(f"describe {query}").fetchall()
    }
    read = fingerprints(reader, query, table.columns, table.parted_by) or {WHOLE: EMPTY}
    if read != wanted or columns != dict(table.columns):
        raise _otherwise(table, source)


def _otherwise(table: Table, source: str) -> PublishFailed:
    return PublishFailed(
        f"{table.full_name} reads otherwise in {source} than in the warehouse; "
        "readers keep the former version. Run 'dvina publish' again."
    )


def _as_is(path: Path) -> str:
    """A path for a text literal, in which DuckDB finds no pattern to expand."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path)).replace("'", "''")
