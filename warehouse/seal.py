"""Seals what was written aside: takes repeats out, measures each slice, names its content.

All of it is one DuckDB in memory over the Parquet segments, bounded and spilling; no lock is
held. A fingerprint is the sum of the rows' hashes and their number, over the typed values: it
does not depend on the order of rows or the bytes of the source.
"""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.landing import EXACTLY, NO_UNITS, QUARANTINE, UNITS, Manifest, sealed
from warehouse.database import STORAGE_ERRORS, literal, open_memory, quote
from warehouse.errors import WarehouseError


def seal(contract: Contract, folder: Path, manifest: Manifest) -> Manifest:
    """Write ``units.parquet`` into ``folder``; returns the manifest with repeats and profile.

    Raises WarehouseError when the disk refuses.
    """
    try:
        return _seal(contract, folder, manifest)
    except (*STORAGE_ERRORS, OSError) as error:
        raise WarehouseError(
            f"{contract.dataset} load {manifest.load_id}: the landing cannot be written: {error}. "
            "Nothing was landed. Make space or mend the permission, then run again."
        ) from error


def _seal(contract: Contract, folder: Path, manifest: Manifest) -> Manifest:
    with open_memory(folder) as connection:
        duplicates = 0
        if manifest.segments:
            if contract.repeats == "forbidden":
                duplicates = _take_out_repeats(connection, contract, folder, manifest)
            profile = _measure(connection, contract, folder, manifest)
        else:
            pq.write_table(NO_UNITS, folder / UNITS)
            profile = {}
        refused = _refused_fingerprint(connection, folder) if manifest.rows_quarantined else ""
        scope = manifest.scope
        if manifest.segments and not scope and not manifest.replay_of:
            scope = _scope(connection, contract, folder, manifest)
    return sealed(manifest, duplicates, refused, profile, scope)


def fingerprint_sql(contract: Contract) -> str:
    """The SQL aggregate that names the content of a set of rows."""
    columns = ", ".join(quote(column.name) for column in contract.columns)
    return f"concat(count(*), ':', sum(hash({columns})))"


def _rows(folder: Path, manifest: Manifest) -> str:
    files = ", ".join(literal(str(folder / name)) for name in manifest.segments)
    return f"read_parquet([{files}])"


def _take_out_repeats(
    connection: duckdb.DuckDBPyConnection, contract: Contract, folder: Path, manifest: Manifest
) -> int:
    columns = ", ".join(quote(column.name) for column in contract.columns)
    rows = _rows(folder, manifest)
    # Hashes first: whole rows are compared only where two hashes are the same.
    connection.execute(
        f"create temp table suspects as select hash({columns}) as h from {rows} "
        "group by h having count(*) > 1"
    )
    connection.execute(
        f"create temp table repeats as select _row from {rows} "
        f"where hash({columns}) in (select h from suspects) "
        f"qualify row_number() over (partition by {columns} order by _row) > 1"
    )
    found = connection.execute("select count(*) from repeats").fetchone()
    count = int(found[0]) if found else 0
    if count:
        for name in manifest.segments:
            path, aside = folder / name, folder / f".{name}"
            connection.execute(
                f"copy (select * from read_parquet({literal(str(path))}) "
                f"where _row not in (select _row from repeats) order by _row) "
                f"to {literal(str(aside))} (format parquet)"
            )
            aside.replace(path)
    return count


def _measure(
    connection: duckdb.DuckDBPyConnection, contract: Contract, folder: Path, manifest: Manifest
) -> dict[str, Any]:
    """Write ``units.parquet`` and give the profile of the whole, both from one scan.

    The profile holds per column: nulls, least, greatest, and the total of decimals, as text.
    """
    by = [quote(name) for name in contract.revision.by]
    partial, whole = [], []
    for number, column in enumerate(contract.columns):
        name = quote(column.name)
        partial += [f"count({name}) as n{number}", f"min({name}) as a{number}"]
        partial += [f"max({name}) as z{number}"]
        total = "null"
        if column.type == "decimal":
            partial.append(f"sum({name}) as t{number}")
            total = f"sum(t{number})::varchar"
        whole.append(
            f"struct_pack(nulls := (sum(row_count) - sum(n{number}))::bigint, "
            f"least := min(a{number})::varchar, greatest := max(z{number})::varchar, "
            f"total := {total})"
        )
    group = f"group by {', '.join(by)}" if by else ""
    connection.execute(
        f"create temp table slices as select {''.join(f'{column}, ' for column in by)}"
        f"count(*) as row_count, {fingerprint_sql(contract)} as fingerprint, "
        f"{', '.join(partial)} from {_rows(folder, manifest)} {group}"
    )
    pairs = ", ".join(f"{quote(name)} := {quote(name)}" for name in contract.revision.by)
    named = f"to_json(struct_pack({pairs}))::varchar" if by else "'{}'"
    connection.execute(
        f"copy (select {''.join(f'{column}, ' for column in by)}{named} as slice, row_count, "
        f"fingerprint, {literal(_constants(contract))} as constants from slices order by slice) "
        f"to {literal(str(folder / UNITS))} (format parquet)"
    )
    answer = connection.execute(f"select {', '.join(whole)} from slices").fetchone()
    assert answer is not None
    return {column.name: value for column, value in zip(contract.columns, answer, strict=True)}


def _scope(
    connection: duckdb.DuckDBPyConnection, contract: Contract, folder: Path, manifest: Manifest
) -> dict[str, list[str]]:
    """How much of its slices a file holds that declares nothing: the values that it names."""
    scope = {}
    for name in contract.revision.scope:
        values = connection.execute(
            f"select distinct {quote(name)} from {_rows(folder, manifest)} "
            f"where {quote(name)} is not null order by 1"
        ).fetchall()
        scope[name] = [f"{EXACTLY}{value}" for (value,) in values]
    return scope


def _constants(contract: Contract) -> str:
    return json.dumps({c.name: c.constant for c in contract.columns if c.constant is not None})


def _refused_fingerprint(connection: duckdb.DuckDBPyConnection, folder: Path) -> str:
    row = connection.execute(
        "select concat(count(*), ':', sum(hash(rule, source::varchar))) "
        f"from read_parquet({literal(str(folder / QUARANTINE))})"
    ).fetchone()
    return str(row[0]) if row else ""
