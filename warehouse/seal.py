"""Seals what was written aside: takes repeats out, measures each slice, names its content.

All of it is DuckDB in memory over the Parquet segments, bounded and spilling; no lock is held.
Segments may be measured while others are still written. A fingerprint is the sum of the rows'
hashes and their number, over the typed values: it does not depend on the order of rows or the
bytes of the source.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.contract_column import Column
from ingest.landing import EXACTLY, NO_UNITS, QUARANTINE, STATS, UNITS, Manifest, flush, sealed
from warehouse.database import STORAGE_ERRORS, literal, open_memory, quote
from warehouse.errors import WarehouseError


def seal(contract: Contract, folder: Path, manifest: Manifest) -> Manifest:
    """Write ``units.parquet`` into ``folder``; returns the manifest with repeats and profile.

    Raises WarehouseError when the disk refuses.
    """
    with closing(Sealer(folder)) as sealer:
        return sealer.seal(contract, folder, manifest)


class Sealer:
    """Measures and seals loads one after the other by one DuckDB: it starts slower than it works.

    Used for one load at a time. It spills into ``spill``, or a temporary directory of its own.
    """

    def __init__(self, spill: Path | None = None) -> None:
        self._spill = spill
        self._open = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def measuring(self, contract: Contract, load_id: str) -> Iterator[Callable[[Path], None]]:
        """Takes segments that are whole, to measure and flush them beside the body's own work.

        ``seal`` then finds them measured. Raises WarehouseError when the disk refuses.
        """
        connection = self._opened()
        connection.execute("set threads = 1")  # a segment is small, and others work beside it
        with ThreadPoolExecutor(1, "dvina-measure") as pool:
            waiting = []
            measure = partial(_measure_segment, connection, contract)
            try:
                yield lambda segment: waiting.append(pool.submit(measure, segment))
                try:
                    for measured in waiting:
                        measured.result()
                except (*STORAGE_ERRORS, OSError) as error:
                    raise _storage_failed(contract, load_id, error) from error
            finally:
                for measured in waiting:
                    measured.cancel()
        connection.execute("reset threads")

    def seal(self, contract: Contract, folder: Path, manifest: Manifest) -> Manifest:
        """As the function ``seal``."""
        try:
            return _seal(self._opened(), contract, folder, manifest)
        except (*STORAGE_ERRORS, OSError) as error:
            self.close()  # it may be spoilt
            raise _storage_failed(contract, manifest.load_id, error) from error

    def close(self) -> None:
        """Give its memory back; it may be used again."""
        self._connection = None
        self._open.close()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            spill = self._spill or Path(
                self._open.enter_context(TemporaryDirectory(prefix="dvina-seal-"))
            )
            self._connection = self._open.enter_context(open_memory(spill))
        return self._connection


def _storage_failed(contract: Contract, load_id: str, error: Exception) -> WarehouseError:
    return WarehouseError(
        f"{contract.dataset} load {load_id}: the landing cannot be written: {error}. "
        "Nothing was landed. Make space or mend the permission, then run again."
    )


def _seal(
    connection: duckdb.DuckDBPyConnection, contract: Contract, folder: Path, manifest: Manifest
) -> Manifest:
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


def _rows(folder: Path, manifest: Manifest) -> str:
    files = ", ".join(literal(str(folder / name)) for name in manifest.segments)
    return f"read_parquet([{files}])"


def _take_out_repeats(
    connection: duckdb.DuckDBPyConnection, contract: Contract, folder: Path, manifest: Manifest
) -> int:
    rows = _rows(folder, manifest)
    # Rows that are the same have the same key: where no two keys are, nothing else is looked at.
    if contract.key and not _suspects(connection, contract.key, rows):
        return 0
    # Hashes first: whole rows are compared only where two hashes are the same.
    names = tuple(column.name for column in contract.columns)
    if not _suspects(connection, names, rows):
        return 0
    columns = _listed(names)
    connection.execute(
        f"create or replace temp table repeats as select _row from {rows} "
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
            (folder / _stats(name)).unlink(missing_ok=True)
    return count


def _suspects(connection: duckdb.DuckDBPyConnection, names: tuple[str, ...], rows: str) -> int:
    """Lay down in ``suspects`` which hashes of these columns several rows have; gives how many."""
    made = connection.execute(
        f"create or replace temp table suspects as select hash({_listed(names)}) as h from {rows} "
        "group by h having count(*) > 1"
    ).fetchone()
    return int(made[0]) if made else 0


def _listed(names: Iterable[str]) -> str:
    return ", ".join(quote(name) for name in names)


def _measure(
    connection: duckdb.DuckDBPyConnection, contract: Contract, folder: Path, manifest: Manifest
) -> dict[str, Any]:
    """Write ``units.parquet`` and give the profile of the whole.

    Each segment is measured once, slice by slice, and keeps what was measured beside it: sums of
    hashes and counts add up, so a segment that was taken over needs no second look. The profile
    holds per column: nulls, least, greatest, and the total of decimals, as text.
    """
    by = "".join(f"{quote(name)}, " for name in contract.revision.by)
    for name in manifest.segments:
        _measure_segment(connection, contract, folder / name)
    files = ", ".join(literal(str(folder / _stats(name))) for name in manifest.segments)
    connection.execute(
        f"create or replace temp table slices as select * from read_parquet([{files}])"
    )
    pairs = ", ".join(f"{quote(name)} := {quote(name)}" for name in contract.revision.by)
    named = f"to_json(struct_pack({pairs}))::varchar" if by else "'{}'"
    connection.execute(
        f"copy (select {by}{named} as slice, sum(row_count)::bigint as row_count, "
        "concat(sum(row_count), ':', sum(hash_sum)) as fingerprint, "
        f"{literal(_constants(contract))} as constants from slices "
        f"{f'group by {by[:-2]}' if by else ''} order by slice) "
        f"to {literal(str(folder / UNITS))} (format parquet)"
    )
    whole = ", ".join(_profile(number, column) for number, column in enumerate(contract.columns))
    answer = connection.execute(f"select {whole} from slices").fetchone()
    assert answer is not None
    return {column.name: value for column, value in zip(contract.columns, answer, strict=True)}


def _measure_segment(
    connection: duckdb.DuckDBPyConnection, contract: Contract, segment: Path
) -> None:
    """Write a segment's measures beside it, unless they are there."""
    target = segment.with_name(_stats(segment.name))
    if target.is_file():
        return
    by = "".join(f"{quote(name)}, " for name in contract.revision.by)
    connection.execute(
        f"copy (select {by}{', '.join(_measures(contract))} from "
        f"read_parquet({literal(str(segment))}) "
        f"{f'group by {by[:-2]}' if by else ''}) to {literal(str(target))} (format parquet)"
    )
    flush(segment)
    flush(target)


def _stats(segment: str) -> str:
    """Where a segment's measures stand; hashes are those of one version of DuckDB."""
    number = segment.removeprefix("segment-")
    return f"{STATS}-{duckdb.__version__}-{number}"


def _measures(contract: Contract) -> list[str]:
    """SQL of what is measured of a slice in a segment."""
    columns = ", ".join(quote(column.name) for column in contract.columns)
    measures = ["count(*) as row_count", f"sum(hash({columns}))::decimal(38, 0) as hash_sum"]
    for number, column in enumerate(contract.columns):
        name = quote(column.name)
        measures.append(f"count({name}) as n{number}")
        if column.type == "list":  # has no least and no greatest worth telling
            continue
        measures += [f"min({name}) as a{number}", f"max({name}) as z{number}"]
        if column.type == "decimal":
            measures.append(f"sum({name}) as t{number}")
    return measures


def _profile(number: int, column: Column) -> str:
    nulls = f"nulls := (sum(row_count) - sum(n{number}))::bigint"
    if column.type == "list":
        return f"struct_pack({nulls}, least := null, greatest := null, total := null)"
    total = f"sum(t{number})::varchar" if column.type == "decimal" else "null"
    return (
        f"struct_pack({nulls}, "
        f"least := min(a{number})::varchar, greatest := max(z{number})::varchar, total := {total})"
    )


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
