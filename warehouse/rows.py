"""Writes the rows of a landed load into its raw table, each with its unit."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.errors import LandingDamaged
from ingest.landing import Landed
from warehouse.database import literal, quote
from warehouse.ledger import Fresh
from warehouse.tables import of_unit, sql_types, stored_columns


def insert_rows(
    connection: duckdb.DuckDBPyConnection, contract: Contract, landed: Landed, fresh: Fresh
) -> None:
    """Write the rows of a load's fresh units; raises LandingDamaged when some are in no slice."""
    # A segment written under an older contract may lack the columns that came later.
    present = set(pq.read_schema(landed.segments[0]).names)
    stored = stored_columns(connection, contract.dataset)
    names = [quote(c.name) for c in contract.columns if c.name in present and c.name in stored]
    unit, source = str(fresh.first), f"{parquet(landed.segments)} as r"
    if fresh.count + fresh.unchanged > 1:
        unit, source = "f.unit_id", f"{source} join {_unit_of_row(contract, fresh)}"
    inserted = connection.execute(
        f"insert into raw.{quote(contract.dataset)} ({', '.join([*names, '_row', '_unit_id'])}) "
        f"select {''.join(f'r.{name}, ' for name in names)}r._row, {unit} from {source}"
    ).fetchone()
    m = landed.manifest
    if not fresh.unchanged and inserted != (m.rows_landed,):
        raise LandingDamaged(
            f"{m.dataset} load {m.load_id}: its slices do not hold all of its {m.rows_landed} rows."
            " Ingest it again."
        )


def parquet(paths: Iterable[Path]) -> str:
    """The rows of Parquet files as SQL."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"


def _unit_of_row(contract: Contract, fresh: Fresh) -> str:
    """SQL that joins each row r of a load to its unit f."""
    kinds = sql_types(contract)
    by = {name: kinds[name] for name in contract.revision.by}
    told = "".join(f", {of_unit(name, kind)}" for name, kind in by.items())
    on = " and ".join(f"r.{quote(c)} is not distinct from f.{quote(c)}" for c in by)
    return f"(select unit_id{told} from {fresh.sql}) as f on {on or 'true'}"
