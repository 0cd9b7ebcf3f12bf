"""What stands in a home, whatever holds it, for tests that search it for personal data."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

# Made-up persons, addresses and numbers that the files under tests/synthetic carry as contacts,
# members of commissions, natural persons among suppliers.
PLANTED = (
    "Выдуманов", "Erfunden", "ERDACHT", "Kontakt", "contact@example.org",
    "000 000-00-0", "000 0000001", "70000000001", "70000000003",
)  # fmt: skip


def planted_in(text: str) -> set[str]:
    """Which of the planted words a text holds."""
    return {word for word in PLANTED if word.lower() in text.lower()}


def everything_in(home: Path) -> Iterator[tuple[str, str]]:
    """Every file of a home and all that it says: Parquet and DuckDB read, others byte by byte."""
    for path in sorted(p for p in home.rglob("*") if p.is_file() and not p.is_symlink()):
        told = str(path.relative_to(home))
        if path.suffix == ".parquet":
            yield told, str(pq.read_table(path).to_pylist())
        elif path.suffix == ".duckdb":
            yield from ((f"{told}: {name}", text) for name, text in _tables(path))
        else:
            yield told, path.read_bytes().decode("utf-8", "replace")
        yield told, told


def _tables(path: Path) -> Iterator[tuple[str, str]]:
    with duckdb.connect(path, read_only=True) as reader:
        names = reader.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in names:
            rows = reader.execute(f'from "{schema}"."{table}"').fetchall()
            yield f"{schema}.{table}", str(rows)
