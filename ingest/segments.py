"""Writes segments: casts a source batch by batch into Parquet, and refused rows beside them.

Memory is a few batches: one is read while the next is cast and the one before is written. What
is wrong with a whole source (types, scope, counts) is found here and refuses it.
"""

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
    STATS,
    UNITS,
    Known,
    Landed,
    Manifest,
    Workplace,
    known_runs,
    now,
    storage_failed,
)
from ingest.sources import Part, Recurring, Source
from ingest.steps import reached

WORKERS = 2  # more would hold more of the source in memory
PARTS_TOGETHER = 2 * WORKERS
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

    A run of records that an earlier load brought just so is not read again: its segment, which
    never changes, is linked.

    ``scope`` says to which prefixes of which columns a query was cut; a row outside it refuses
    the source.

    Raises SourceRefused and its kinds, CountsDisagree when the reader's rows are not the
    records counted in the bytes, StorageFailed when the disk refuses.
    """
    try:
        with _Segments(contract, place.folder) as segments:
            known = known_runs(place.landing, contract.dataset, contract.identity)
            for run, casts in _runs_ahead(contract, source, segments, {} if scope else known):
                for cast in casts:
                    if not segments.landed + segments.refused:
                        _check_types(contract, fetched, cast)
                    _check_scope(contract, cast.landed, scope or {})
                    segments.add(cast.landed, cast.refused)
                segments.close_run(run)
    except OSError as error:
        raise storage_failed(contract.dataset, place.load_id, error) from error
    read = source.records_read()
    if read == 0:
        raise SourceRefused(f"{contract.dataset}: {fetched.origin} holds no rows.")
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
        runs=segments.runs,
    )


@dataclass(frozen=True)
class _Run:
    """Parts that belong together; ``key`` names what they hold, empty where nothing tells."""

    parts: tuple[Part, ...]
    key: str


def _runs_ahead(
    contract: Contract, source: Source, segments: "_Segments", known: Mapping[str, Known]
) -> Iterator[tuple[_Run, Iterator[CastBatch]]]:
    """Runs in order, each with its batches, which a few threads parse and cast ahead.

    What is ahead is a run and as many parts as there are threads.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        ahead: deque[Future[CastBatch]] = deque()

        def taken(count: int) -> Iterator[CastBatch]:
            for _ in range(count):
                yield ahead.popleft().result()

        try:
            before: _Run | None = None
            for run in _runs(source.parts()):
                if before:
                    yield before, taken(len(ahead))
                    before = None
                if run.key in known and segments.link(run.key, known[run.key]):
                    continue
                for part in run.parts:
                    ahead.append(pool.submit(_cast_part, contract, part))
                before = run
            if before:
                yield before, taken(len(ahead))
        finally:
            for waiting in ahead:
                waiting.cancel()


def _runs(parts: Iterator[Part]) -> Iterator[_Run]:
    """Group parts into runs; parts that are not known again go together as they come."""
    run: list[Part] = []
    digest = hashlib.sha256()
    for part in parts:
        run.append(part)
        if isinstance(part, Recurring):
            if len(run) == 1:
                digest = hashlib.sha256(f"{part.first} {part.like}".encode())
            digest.update(part.content)
            if part.closes:
                yield _Run(tuple(run), digest.hexdigest())
                run = []
        elif len(run) == PARTS_TOGETHER:
            yield _Run(tuple(run), "")
            run = []
    if run:
        recurs = all(isinstance(part, Recurring) for part in run)
        yield _Run(tuple(run), digest.hexdigest() if recurs else "")


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
        self._run_landed = self._run_refused = 0
        self.names: list[str] = []
        self.runs: dict[str, list[Any]] = {}
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
            self._run_refused += refused.num_rows
        if not landed.num_rows:
            return
        if self._writer is None or self._in_segment >= SEGMENT_ROWS:
            self._roll(landed.schema)
        assert self._writer is not None
        self._settle()
        self._write = self._thread.submit(_write, self._writer, landed)
        self._in_segment += landed.num_rows
        self.landed += landed.num_rows
        self._run_landed += landed.num_rows
        reached("ingest.mid_segment")

    def close_run(self, run: _Run) -> None:
        """End the segment with its run, and note its key if all of the run has landed in it."""
        if run.key and self._run_landed:
            self._close()
            if not self._run_refused:
                sha256 = _sha256(self._folder / self.names[-1])
                self.runs[self.names[-1]] = [run.key, self._run_landed, sha256]
        self._run_landed = self._run_refused = 0

    def link(self, key: str, known: Known) -> bool:
        """Take over the segment of a run that is known; False where it is not as it was."""
        self._close()
        name = self._next_name()
        try:
            if _sha256(known.path) != known.sha256:
                return False
            _link(known.path, self._folder / name)
        except FileNotFoundError:
            return False
        self.names.append(name)
        for measured in known.companions:
            _, who, _ = measured.stem.rsplit("-", 2)
            with suppress(OSError):
                _link(measured, self._folder / f"{STATS}-{who}-{_number(name)}.parquet")
        self.runs[name] = [key, known.rows, known.sha256]
        self.landed += known.rows
        return True

    def _settle(self) -> None:
        """Wait for the write in flight; raises what it raised."""
        write, self._write = self._write, None
        if write is not None:
            write.result()

    def _close(self) -> None:
        self._settle()
        if self._writer:
            self._writer.close()
            self._writer = None

    def _next_name(self) -> str:
        return f"segment-{len(self.names):05d}.parquet"

    def _roll(self, schema: pa.Schema) -> None:
        self._close()
        self.names.append(self._next_name())
        self._writer = pq.ParquetWriter(
            self._folder / self.names[-1],
            schema,
            use_dictionary=[f.name for f in self._schema if pa.types.is_string(f.type)],
            store_decimal_as_integer=True,
            store_schema=False,  # else readers would be given our dictionaries
            write_statistics=False,
        )
        self._in_segment = 0


def _number(name: str) -> str:
    return name.removeprefix("segment-").removesuffix(".parquet")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link(source: Path, target: Path) -> None:
    """Another name for a file that never changes; a copy where the disk knows no links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(source, target)


def _write(writer: pq.ParquetWriter, batch: pa.RecordBatch) -> None:
    """Write a batch; which columns are dictionaries was settled by the segment's first."""
    if batch.schema != writer.schema:
        pairs = zip(batch.columns, writer.schema, strict=True)
        arrays = [array.cast(field.type) for array, field in pairs]
        batch = pa.RecordBatch.from_arrays(arrays, schema=writer.schema)
    writer.write_batch(batch, ROW_GROUP_ROWS)
