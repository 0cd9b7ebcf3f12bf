"""Writes segments: casts a source batch by batch into Parquet, and refused rows beside them.

Memory is a few batches: one is read while the next is cast and the one before is written. What
is wrong with a whole source (types, scope, counts) is found here and refuses it.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.archive import Fetched
from ingest.casting import QUARANTINE_SCHEMA, CastBatch, cast_batch
from ingest.contract import Contract
from ingest.errors import ContractError, CountsDisagree, SchemaDrift, SourceRefused
from ingest.landing import (
    EXACTLY,
    NO_UNITS,
    QUARANTINE,
    UNITS,
    Landed,
    Manifest,
    Workplace,
    now,
    storage_failed,
)
from ingest.sources import Part, Source
from ingest.steps import reached

WORKERS = 2  # more would hold more of the source in memory
SEGMENT_ROWS = 1_000_000
ROW_GROUP_ROWS = 122_880
RETYPED_ROWS, RETYPED_SHARE = 20, 0.9  # so many values of another type are no bad rows but drift


def write_segments(
    contract: Contract,
    source: Source,
    fetched: Fetched,
    place: Workplace,
    scope: dict[str, list[str]] | None = None,
) -> Manifest:
    """Cast a source into segments and quarantine aside; the manifest still lacks duplicates.

    ``scope`` says to which prefixes of which columns a query was cut; a row outside it refuses
    the source.

    Raises SourceRefused and its kinds, CountsDisagree when the reader's rows are not the
    records counted in the bytes, StorageFailed when the disk refuses.
    """
    try:
        with _Segments(contract, place.folder) as segments:
            for cast in _cast_ahead(contract, source):
                if not segments.landed + segments.refused:
                    _check_types(contract, fetched, cast)
                _check_scope(contract, cast.landed, scope or {})
                segments.add(cast.landed, cast.refused)
    except OSError as error:
        raise storage_failed(contract.dataset, place.load_id, error) from error
    read = source.records_read()
    if read == 0:
        raise SourceRefused(f"{contract.dataset}: {fetched.origin} has a header but no rows.")
    if read != segments.landed + segments.refused:
        raise CountsDisagree(
            f"{contract.dataset} load {place.load_id}: {fetched.origin} holds {read} records, "
            f"but the reader gave {segments.landed + segments.refused}. Nothing was landed. "
            "Look for a stray quote, or report the file: a row would be lost."
        )
    reached("ingest.segments_written")
    pa.default_memory_pool().release_unused()  # what follows has its own use for memory
    return Manifest(
        load_id=place.load_id,
        dataset=contract.dataset,
        contract_identity=contract.identity,
        origin=fetched.origin,
        source_sha256=fetched.sha256,
        source_bytes=fetched.bytes,
        rows_read=read,
        rows_landed=segments.landed,
        rows_quarantined=segments.refused,
        rows_duplicate=0,
        segments=tuple(segments.names),
        drift=source.drift,
        landed_at=now(),
        scope=scope or {},
    )


def _cast_ahead(contract: Contract, source: Source) -> Iterator[CastBatch]:
    """Parts parsed and cast by a few threads, in order; what is ahead is as many parts."""
    with ThreadPoolExecutor(WORKERS) as pool:
        ahead: deque[Future[CastBatch]] = deque()
        try:
            for part in source.parts():
                ahead.append(pool.submit(_cast_part, contract, part))
                if len(ahead) > WORKERS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def _cast_part(contract: Contract, part: Part) -> CastBatch:
    return cast_batch(contract, part())


def write_replay(
    contract: Contract, origin: Landed, passing: pa.RecordBatch, place: Workplace
) -> Manifest:
    """Write rows of a load's quarantine that pass now, as a load linked to it."""
    try:
        with _Segments(contract, place.folder) as segments:
            segments.add(passing, pa.RecordBatch.from_pylist([], QUARANTINE_SCHEMA))
    except OSError as error:
        raise storage_failed(contract.dataset, place.load_id, error) from error
    return replace(
        origin.manifest,
        load_id=place.load_id,
        contract_identity=contract.identity,
        rows_read=passing.num_rows,
        rows_landed=passing.num_rows,
        rows_quarantined=0,
        rows_duplicate=0,
        segments=tuple(segments.names),
        drift=(),
        landed_at=now(),
        replay_of=origin.manifest.load_id,
    )


def write_refusal(contract: Contract, fetched: Fetched, place: Workplace) -> Manifest:
    """Lay down a load without rows, for a source that was refused whole."""
    with _Segments(contract, place.folder):
        pass
    pq.write_table(NO_UNITS, place.folder / UNITS)
    return Manifest(
        load_id=place.load_id,
        dataset=contract.dataset,
        contract_identity=contract.identity,
        origin=fetched.origin,
        source_sha256=fetched.sha256,
        source_bytes=fetched.bytes,
        rows_read=0,
        rows_landed=0,
        rows_quarantined=0,
        rows_duplicate=0,
        segments=(),
        drift=(),
        landed_at=now(),
    )


def _check_types(contract: Contract, fetched: Fetched, first: CastBatch) -> None:
    """Refuse a source in whose first block nearly a whole column is of another type."""
    rows = first.landed.num_rows + first.refused.num_rows
    if rows < RETYPED_ROWS:
        return
    table = pa.Table.from_batches([first.refused])
    counted = table.group_by(["rule", "column"]).aggregate([("value", "count"), ("value", "min")])
    for entry in counted.to_pylist():
        column = contract.column(entry["column"]) if entry["column"] else None
        if column is None or entry["rule"] != f"not_{column.type}":
            continue
        if entry["value_count"] > RETYPED_SHARE * rows:
            raise SchemaDrift(
                f"{contract.dataset}: {fetched.origin} has another type in column {column.source}: "
                f"{column.type} until now, but {entry['value_count']} of the first {rows} values "
                f"are not, such as {entry['value_min']!r}. If the publisher changed it, change "
                f"{contract.dataset}.yml and raise its version."
            )


def _check_scope(contract: Contract, rows: pa.RecordBatch, scope: dict[str, list[str]]) -> None:
    for column, prefixes in scope.items():
        if contract.column(column).type != "text":
            raise ContractError(f"{contract.dataset}: a scope needs a text column, not {column}.")
        values = rows[column].cast(pa.string())
        inside = np.zeros(rows.num_rows, dtype=bool)
        for prefix in prefixes:
            fits = pc.starts_with(values, prefix.removeprefix(EXACTLY))
            if prefix.startswith(EXACTLY):
                fits = pc.equal(values, prefix.removeprefix(EXACTLY))
            inside |= np.asarray(fits.fill_null(False))
        if not inside.all():
            at = int(np.flatnonzero(~inside)[0])
            raise SourceRefused(
                f"{contract.dataset}: row {rows['_row'][at]} has {column} {values[at]}, "
                f"outside the scope {', '.join(prefixes)} that was declared for the load."
            )


class _Segments:
    """Writes landed and refused batches to Parquet, a new segment every SEGMENT_ROWS rows."""

    def __init__(self, contract: Contract, folder: Path) -> None:
        self._schema = contract.schema
        self._folder = folder
        self._writer: pq.ParquetWriter | None = None
        # One write is in flight while the next batch is cast: compression leaves Python alone.
        self._thread = ThreadPoolExecutor(1)
        self._write: Future[None] | None = None
        self._quarantine = pq.ParquetWriter(folder / QUARANTINE, QUARANTINE_SCHEMA)
        self._in_segment = 0
        self.names: list[str] = []
        self.landed = 0
        self.refused = 0

    def __enter__(self) -> "_Segments":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._settle()
        finally:
            self._thread.shutdown()
            self._quarantine.close()
            if self._writer:
                self._writer.close()

    def add(self, landed: pa.RecordBatch, refused: pa.RecordBatch) -> None:
        """Append one cast batch."""
        if refused.num_rows:
            self._quarantine.write_batch(refused)
            self.refused += refused.num_rows
        if not landed.num_rows:
            return
        if self._writer is None or self._in_segment >= SEGMENT_ROWS:
            self._roll(landed.schema)
        assert self._writer is not None
        self._settle()
        self._write = self._thread.submit(_write, self._writer, landed)
        self._in_segment += landed.num_rows
        self.landed += landed.num_rows
        reached("ingest.mid_segment")

    def _settle(self) -> None:
        """Wait for the write in flight; raises what it raised."""
        write, self._write = self._write, None
        if write is not None:
            write.result()

    def _roll(self, schema: pa.Schema) -> None:
        self._settle()
        if self._writer:
            self._writer.close()
        self.names.append(f"segment-{len(self.names):05d}.parquet")
        self._writer = pq.ParquetWriter(
            self._folder / self.names[-1],
            schema,
            use_dictionary=[f.name for f in self._schema if pa.types.is_string(f.type)],
            store_decimal_as_integer=True,
            store_schema=False,  # else readers would be given our dictionaries
            write_statistics=False,
        )
        self._in_segment = 0


def _write(writer: pq.ParquetWriter, batch: pa.RecordBatch) -> None:
    """Write a batch; which columns are dictionaries was settled by the segment's first."""
    if batch.schema != writer.schema:
        pairs = zip(batch.columns, writer.schema, strict=True)
        arrays = [array.cast(field.type) for array, field in pairs]
        batch = pa.RecordBatch.from_arrays(arrays, schema=writer.schema)
    writer.write_batch(batch, ROW_GROUP_ROWS)
