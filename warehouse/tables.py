"""Raw tables and accepted views, made from contracts.

``raw.<dataset>`` holds the rows of every load that was ever accepted, each with its unit (one
slice of one load) and its record number. What is equal in all rows of a unit stands once, in
``ledger.units``. ``accepted.<dataset>_as_of(h)`` shows whole rows as the ledger held them for true
after decision ``h``; ``accepted.<dataset>`` is the same at the pinned horizon.
"""

from typing import Any

import duckdb
import pyarrow as pa

from ingest.contract import Contract
from warehouse.database import literal, quote
from warehouse.errors import SchemaConflict

_VIEWS = 1  # raise it where the SQL of the views changes: then all are laid anew


def ensure_tables(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Create or widen the raw table and lay the accepted views anew; raises SchemaConflict.

    The view's comment names the contract that it was laid by: under the same one all stands.
    """
    mark = f"views {_VIEWS}, contract {contract.identity}"
    if _comment(connection, contract.dataset) == mark:
        return
    name = quote(contract.dataset)
    columns = "".join(
        f"{quote(n)} {t}, " for n, t in sql_types(contract).items() if n not in contract.shared
    )
    connection.execute(
        f"create table if not exists raw.{name} ({columns}_row bigint, _unit_id bigint)"
    )
    _widen(connection, contract)
    connection.execute(_as_of_macro(connection, contract))
    connection.execute(
        f"create or replace view accepted.{name} as "
        f"select * from accepted.{quote(contract.dataset + '_as_of')}"
        "((select horizon from ledger.pin))"
    )
    connection.execute(f"comment on view accepted.{name} is {literal(mark)}")


def stored_columns(connection: duckdb.DuckDBPyConnection, dataset: str) -> dict[str, str]:
    """Columns of a raw table and their types, those that begin with _ left out."""
    return {n: kind for n, kind in _shape(connection, "raw", dataset) if not n.startswith("_")}


def rows_sql(connection: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    """All raw rows as a query: every column of the contract, ``_load_id``, ``_row``, ``_unit_id``.

    A column that is not in the raw table is taken from the row's unit.
    """
    stored = stored_columns(connection, contract.dataset)
    told = {name: kind for name, kind in sql_types(contract).items() if name not in stored}
    values = "".join(f", {of_unit(name, kind)}" for name, kind in told.items())
    shown = ", ".join(
        f"{'u' if column.name in told else 'r'}.{quote(column.name)}" for column in contract.columns
    )
    return (
        f"select {shown}, u.load_id as _load_id, r._row, r._unit_id "
        f"from raw.{quote(contract.dataset)} as r join (select unit_id, load_id{values} "
        f"from ledger.units where dataset = {literal(contract.dataset)}) as u "
        "on r._unit_id = u.unit_id"
    )


def of_unit(name: str, kind: str) -> str:
    """SQL of a column of the given type that a unit tells for all its rows."""
    return f"{_of_unit(name)}::{kind} as {quote(name)}"


def _of_unit(name: str) -> str:
    path = literal(f'$."{name}"')
    return f"coalesce(slice ->> {path}, constants ->> {path})"


def sql_types(contract: Contract) -> dict[str, str]:
    """DuckDB type of each column of the contract."""
    return {c.name: _sql_type(c.arrow_type) for c in contract.columns}


def _as_of_macro(connection: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    dataset = contract.dataset
    shown = (
        f"(select r.* from ({rows_sql(connection, contract)}) as r "
        f"join ledger.current_units({literal(dataset)}, horizon) as c on r._unit_id = c.unit_id)"
    )
    return (
        f"create or replace macro accepted.{quote(dataset + '_as_of')}(horizon) as table "
        f"select * from {shown} {_latest(contract, shown)}"
    )


def _latest(contract: Contract, shown: str) -> str:
    """Which of several accepted rows, those of ``shown``, is shown, by the kind of revision."""
    if contract.revision.kind == "event":
        # Hashes first: whole rows are compared only where two hashes are the same. Not a common
        # table expression: DuckDB would hold all of it.
        every = ", ".join(quote(c.name) for c in contract.columns)
        return (
            f"where (_unit_id, _row) not in (select (_unit_id, _row) from {shown} "
            f"where hash({every}) in "
            f"(select hash({every}) as h from {shown} group by h having count(*) > 1) "
            f"qualify row_number() over (partition by {every} order by _unit_id, _row) > 1)"
        )
    if contract.revision.kind == "key":
        key = ", ".join(quote(k) for k in contract.key)
        version = quote(str(contract.revision.version))
        return (
            f"qualify row_number() over (partition by {key} "
            f"order by {version} desc, _unit_id desc, _row desc) = 1"
        )
    return ""


def _widen(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    found = stored_columns(connection, contract.dataset)
    raw = f"raw.{quote(contract.dataset)}"
    for column, wanted in sql_types(contract).items():
        if column not in found and column not in contract.shared:
            name = quote(column)
            connection.execute(f"alter table {raw} add column {name} {wanted}")
            connection.execute(  # until now it may have been equal in all rows of a slice
                f"update {raw} set {name} = u.told::{wanted} from (select unit_id, "
                f"{_of_unit(column)} as told from ledger.units) as u "
                "where _unit_id = u.unit_id and u.told is not null"
            )
        elif column in found and widens(found[column], wanted):
            connection.execute(
                f"alter table {raw} alter column {quote(column)} set data type {wanted}"
            )
        elif column in found and not _same(found[column], wanted):
            raise SchemaConflict(
                f"{contract.dataset}: column {column} is {found[column]} in the warehouse and "
                f"{wanted} in version {contract.version} of its contract. Give the new column "
                "another name; the old one stays for the history."
            )


def widens(stored: str, wanted: str) -> bool:
    """True where a nested type keeps all that is stored and has more fields."""
    return not _same(stored, wanted) and _holds(duckdb.sqltype(wanted), duckdb.sqltype(stored))


def _holds(wider: Any, stored: Any) -> bool:
    if wider.id != stored.id or wider.id not in ("list", "struct"):
        return bool(wider == stored)
    fields = dict(wider.children)
    return all(name in fields and _holds(fields[name], kind) for name, kind in stored.children)


def _same(stored: str, wanted: str) -> bool:
    """Types are printed with quotes only around names that need them."""
    return stored.replace('"', "") == wanted.replace('"', "")


def _comment(connection: duckdb.DuckDBPyConnection, dataset: str) -> str | None:
    """What the accepted view was laid by; None without a view."""
    found = connection.execute(
        "select comment from duckdb_views() where schema_name = 'accepted' and view_name = ?",
        [dataset],
    ).fetchone()
    return found[0] if found else None


def _shape(
    connection: duckdb.DuckDBPyConnection, schema: str, dataset: str
) -> list[tuple[str, str]]:
    """Columns and types of a table or view that is there; far cheaper than ``duckdb_columns``."""
    table = literal(f"{schema}.{quote(dataset)}")
    return connection.execute(f"select name, type from pragma_table_info({table})").fetchall()


def _sql_type(arrow: pa.DataType) -> str:
    if pa.types.is_list(arrow):
        return f"{_sql_type(arrow.value_type)}[]"
    if pa.types.is_struct(arrow):
        inner = (arrow.field(at) for at in range(arrow.num_fields))
        return f"STRUCT({', '.join(f'{quote(f.name)} {_sql_type(f.type)}' for f in inner)})"
    if pa.types.is_decimal(arrow):
        return f"DECIMAL({arrow.precision},{arrow.scale})"
    return {
        pa.string(): "VARCHAR",
        pa.int64(): "BIGINT",
        pa.date32(): "DATE",
        pa.timestamp("us"): "TIMESTAMP",
        pa.bool_(): "BOOLEAN",
    }[arrow]
