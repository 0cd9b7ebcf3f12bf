"""Raw tables and accepted views, made from contracts.

``raw.<dataset>`` holds the rows of every load that was ever accepted, each with its unit (one
slice of one load) and its record number. ``accepted.<dataset>_as_of(h)`` shows what the ledger
held for true after decision ``h``; ``accepted.<dataset>`` is the same at the pinned horizon.
"""

import duckdb
import pyarrow as pa

from ingest.contract import Contract
from warehouse.database import literal, quote
from warehouse.errors import SchemaConflict


def ensure_tables(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Create or widen the raw table and lay the accepted views anew; raises SchemaConflict."""
    name = quote(contract.dataset)
    columns = ", ".join(f"{quote(n)} {t}" for n, t in sql_types(contract).items())
    connection.execute(
        f"create table if not exists raw.{name} ({columns}, _row bigint, _unit_id bigint)"
    )
    if _widen(connection, contract) or not _has_view(connection, contract.dataset):
        connection.execute(_as_of_macro(contract))
        connection.execute(
            f"create or replace view accepted.{name} as "
            f"select * from accepted.{quote(contract.dataset + '_as_of')}"
            "((select horizon from ledger.pin))"
        )


def sql_types(contract: Contract) -> dict[str, str]:
    """DuckDB type of each column of the contract."""
    return {c.name: _sql_type(c.arrow_type) for c in contract.columns}


def _as_of_macro(contract: Contract) -> str:
    name = quote(contract.dataset)
    shown = ", ".join(f"r.{quote(c.name)}" for c in contract.columns)
    return (
        f"create or replace macro accepted.{quote(contract.dataset + '_as_of')}(horizon) as table "
        f"select {shown}, u.load_id as _load_id, r._row, r._unit_id "
        f"from raw.{name} as r "
        f"join ledger.current_units({literal(contract.dataset)}, horizon) as c "
        "on r._unit_id = c.unit_id "
        "join ledger.units as u on u.unit_id = r._unit_id "
        f"{_latest(contract)}"
    )


def _latest(contract: Contract) -> str:
    """Which of several accepted rows is shown, by the kind of revision."""
    key = ", ".join(f"r.{quote(k)}" for k in contract.key)
    if contract.revision.kind == "event":
        every = ", ".join(f"r.{quote(c.name)}" for c in contract.columns)
        return f"qualify row_number() over (partition by {every} order by r._unit_id, r._row) = 1"
    if contract.revision.kind == "key":
        version = quote(str(contract.revision.version))
        return (
            f"qualify row_number() over (partition by {key} "
            f"order by r.{version} desc, r._unit_id desc, r._row desc) = 1"
        )
    return ""


def _widen(connection: duckdb.DuckDBPyConnection, contract: Contract) -> bool:
    found = dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() "
            "where schema_name = 'raw' and table_name = ?",
            [contract.dataset],
        ).fetchall()
    )
    changed = False
    for column, wanted in sql_types(contract).items():
        if column not in found:
            connection.execute(
                f"alter table raw.{quote(contract.dataset)} add column {quote(column)} {wanted}"
            )
            changed = True
        elif found[column] != wanted:
            raise SchemaConflict(
                f"{contract.dataset}: column {column} is {found[column]} in the warehouse and "
                f"{wanted} in version {contract.version} of its contract. Give the new column "
                "another name; the old one stays for the history."
            )
    return changed


def _has_view(connection: duckdb.DuckDBPyConnection, dataset: str) -> bool:
    found = connection.execute(
        "select 1 from duckdb_views() where schema_name = 'accepted' and view_name = ?", [dataset]
    ).fetchone()
    return found is not None


def _sql_type(arrow: pa.DataType) -> str:
    if pa.types.is_decimal(arrow):
        return f"DECIMAL({arrow.precision},{arrow.scale})"
    return {
        pa.string(): "VARCHAR",
        pa.int64(): "BIGINT",
        pa.date32(): "DATE",
        pa.timestamp("us"): "TIMESTAMP",
        pa.bool_(): "BOOLEAN",
    }[arrow]
