"""Writes segments: Parquet files that are never changed, and refused rows beside them.

A segment ends after SEGMENT_ROWS rows, or with the run of records that it holds; a segment of such
a run may be taken over from an earlier load. A few batches wait to be written while the caller goes
on, and whoever wants to look at segments is told of each, by another thread, once it is whole.
"""

import os
import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

from ingest.casting import QUARANTINE_SCHEMA
from ingest.contract import Contract
from ingest.landing import QUARANTINE, STATS, Known
from ingest.steps import reached

SEGMENT_ROWS = 1_000_000
ROW_GROUP_ROWS = 122_880
_PIECE = 1024**2  # bytes
_DIGITS = 18  # that 64 bits hold
BATCHES_WAITING = 1  # and the one that is written; more only hold memory
Closed = Callable[[Path], None]  # is told of a segment that is whole


class SegmentWriter:
    """Writes landed and refused batches to Parquet, a new segment every SEGMENT_ROWS rows."""

    def __init__(self, contract: Contract, folder: Path, closed: Closed | None = None) -> None:
        self._schema = contract.schema
        self._folder = folder
        self._closed = closed
        self._writer: pq.ParquetWriter | None = None
        # Its work is done in order while batches are cast: compression leaves Python alone.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dvina-segments")
        self._waiting: deque[Future[None]] = deque()
        self._quarantine = pq.ParquetWriter(folder / QUARANTINE, QUARANTINE_SCHEMA)
        self._in_segment = 0
        self._run_landed = self._run_refused = 0
        self.names: list[str] = []
        self.runs: dict[str, list[Any]] = {}  # complete when the writer is closed
        self.landed = 0
        self.refused = 0

    def __enter__(self) -> "SegmentWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._close()
            self._settle()
        finally:
            self._thread.shutdown(cancel_futures=True)
            self._quarantine.close()
            if self._writer:
                self._writer.close()

    def add(self, landed: pa.RecordBatch, refused: pa.RecordBatch) -> None:
        """Append one cast batch; raises OSError, also of a batch before."""
        if refused.num_rows:
            self._quarantine.write_batch(refused)
            self.refused += refused.num_rows
            self._run_refused += refused.num_rows
        if not landed.num_rows:
            return
        if self._writer is None or self._in_segment >= SEGMENT_ROWS:
            self._roll(landed.schema)
        assert self._writer is not None
        self._later(_write, self._writer, landed)
        self._in_segment += landed.num_rows
        self.landed += landed.num_rows
        self._run_landed += landed.num_rows
        reached("ingest.mid_segment")

    def close_run(self, key: str) -> None:
        """End the segment with its run, and note the run's key if the segment is all of it."""
        if key and self._run_landed:
            whole = not self._run_refused and self._in_segment == self._run_landed
            self._close(key if whole else "")
        self._run_landed = self._run_refused = 0

    def link(self, key: str, known: Known) -> bool:
        """Take over the segment of a run that is known; False where it is not as it was."""
        self._close()
        self._settle()
        name = self._next_name()
        try:
            if _digest(known.path) != known.digest:
                return False
            _link(known.path, self._folder / name)
        except FileNotFoundError:
            return False
        self.names.append(name)
        for measured in known.companions:
            _, who, _ = measured.stem.rsplit("-", 2)
            with suppress(OSError):
                _link(measured, self._folder / f"{STATS}-{who}-{_number(name)}.parquet")
        self.runs[name] = [key, known.rows, known.digest]
        self.landed += known.rows
        self._tell(name)
        return True

    def _later(self, work: Callable[..., None], *given: Any) -> None:
        """Have a piece of work done after those before it; raises what one of them raised."""
        while len(self._waiting) >= BATCHES_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(work, *given))

    def _settle(self) -> None:
        """Wait for all work; raises what it raised."""
        while self._waiting:
            self._waiting.popleft().result()

    def _close(self, key: str = "") -> None:
        writer, self._writer = self._writer, None
        if writer:
            self._later(self._end, writer, self.names[-1], key, self._in_segment)

    def _end(self, writer: pq.ParquetWriter, name: str, key: str, rows: int) -> None:
        writer.close()
        if key:
            self.runs[name] = [key, rows, _digest(self._folder / name)]
        self._tell(name)

    def _tell(self, name: str) -> None:
        if self._closed:
            self._closed(self._folder / name)

    def _next_name(self) -> str:
        return f"segment-{len(self.names):05d}.parquet"

    def _roll(self, schema: pa.Schema) -> None:
        self._close()
        self.names.append(self._next_name())
        self._writer = pq.ParquetWriter(
            self._folder / self.names[-1],
            schema,
            compression="lz4",  # as small as the usual snappy, and faster read by DuckDB
            use_dictionary=[f.name for f in self._schema if pa.types.is_string(f.type)],
            # Numbers as differences: a third smaller, and faster to write and to read.
            column_encoding={f.name: "DELTA_BINARY_PACKED" for f in schema if _is_whole(f.type)},
            store_decimal_as_integer=True,
            store_schema=False,  # else readers would be given our dictionaries
            write_statistics=False,
        )
        self._in_segment = 0


def _is_whole(kind: pa.DataType) -> bool:
    """True where Parquet keeps values of the type as whole numbers of 32 or 64 bits."""
    if pa.types.is_decimal(kind):
        return bool(kind.precision <= _DIGITS)
    return bool(
        pa.types.is_integer(kind) or pa.types.is_date32(kind) or pa.types.is_timestamp(kind)
    )


def _number(name: str) -> str:
    return name.removeprefix("segment-").removesuffix(".parquet")


def _digest(path: Path) -> str:
    digest = blake3()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


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
