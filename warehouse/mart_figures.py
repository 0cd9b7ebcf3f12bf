"""What each built mart holds: rows, how full its measures are, pairs, sectors and periods.

One query a mart, over the tables as they stand; nothing is estimated. A measure is a column of
numbers, except years.
"""

from dataclasses import dataclass

import duckdb

from warehouse.database import quote

# Columns that name both sides of a mart's pair, in the order in which they are looked for.
_PAIRS = (
    ("pair_id",),
    ("exporter_code", "importer_code"),
    ("reporter_code", "partner_code"),
    ("country_code", "partner_code"),
    ("buyer_country_code", "supplier_country_code"),
    ("lender_code", "borrower_code"),
)
_NUMBERS = ("DECIMAL", "DOUBLE", "FLOAT", "INTEGER", "BIGINT", "HUGEINT")


@dataclass(frozen=True)
class Span:
    """Periods of one frequency that a mart covers; ``count`` are those with a row."""

    frequency: str
    first: str
    last: str
    count: int


@dataclass(frozen=True)
class MartFigures:
    """One mart in figures; ``filled`` maps each measure to its share of rows that are not null.

    ``pairs`` and ``sectors`` are None where the mart has no such columns, shares where it is empty.
    """

    mart: str
    rows: int
    filled: dict[str, float | None]
    pairs: int | None
    sectors: int | None
    periods: tuple[Span, ...]


def mart_figures(connection: duckdb.DuckDBPyConnection) -> tuple[MartFigures, ...]:
    """Figures of every table ``marts.mart_*``, by name."""
    names = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'marts' "
        "and database_name = current_database() and starts_with(table_name, 'mart_') order by 1"
    ).fetchall()
    return tuple(_figures(connection, name) for (name,) in names)


def _figures(connection: duckdb.DuckDBPyConnection, mart: str) -> MartFigures:
    table = f"marts.{quote(mart)}"
    columns = {
        name: kind
        for _, name, kind, *_ in connection.execute(f"pragma table_info('{table}')").fetchall()
    }
    measures = [n for n, k in columns.items() if k.startswith(_NUMBERS) and not n.endswith("_year")]
    pair = next((p for p in _PAIRS if columns.keys() >= set(p)), None)
    counted = [
        "count(*)",
        f"count(distinct ({', '.join(pair)}))" if pair else "null",
        "count(distinct sector_id)" if "sector_id" in columns else "null",
        *(f"count({quote(name)})" for name in measures),
    ]
    row = connection.execute(f"select {', '.join(counted)} from {table}").fetchone()
    assert row is not None
    rows, pairs, sectors, *known = row
    filled = {n: round(k / rows, 6) if rows else None for n, k in zip(measures, known, strict=True)}
    return MartFigures(mart, rows, filled, pairs, sectors, _spans(connection, table, set(columns)))


def _spans(
    connection: duckdb.DuckDBPyConnection, table: str, columns: set[str]
) -> tuple[Span, ...]:
    if not columns >= {"period", "frequency"}:
        return ()
    found = connection.execute(
        f"select frequency, min(period), max(period), count(distinct period) from {table} "
        "where period <> 'unknown' group by frequency order by frequency"
    ).fetchall()
    return tuple(Span(*span) for span in found)
