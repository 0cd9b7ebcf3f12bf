"""Lands a source: casts it batch by batch into Parquet, and refused rows beside them.

Memory is three runs of records: one is written while the next is cast and a third is read. What
is wrong with a whole source (types, scope, counts) is found here and refuses it.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from blake3 import blake3

from ingest.archive import Fetched, Fetching
from ingest.casting import QUARANTINE_SCHEMA, CastBatch, cast_batch
from ingest.contract import Contract
from ingest.errors import ContractError, CountsDisagree, SchemaDrift, SourceRefused
from ingest.landing import (
    EXACTLY,
    NO_UNITS,
    UNITS,
    Known,
    Landed,
    Manifest,
    Workplace,
    known_runs,
    now,
    storage_failed,
)
from ingest.segment_writer import Closed, SegmentWriter
from ingest.sources import Part, Recurring, Source
from ingest.steps import reached

WORKERS = 2  # more would hold more of the source in memory
PARTS_TOGETHER = 2 * WORKERS
RETYPED_ROWS, RETYPED_SHARE = 20, 0.9  # so many values of another type are no bad rows but drift


def write_segments(
    contract: Contract,
    source: Source,
    fetching: Fetching | Fetched,
    place: Workplace,
    scope: dict[str, list[str]] | None = None,
    closed: Closed | None = None,
    within: dict[str, list[str]] | None = None,
) -> Manifest:
    """Cast a source into segments and quarantine aside; the manifest still lacks duplicates.

    A run of records that an earlier load brought just so is not read again: its segment, which
    never changes, is linked.

    ``scope`` says to which prefixes of which columns a query was cut; a row outside it refuses
    the source. So does one outside ``within``, which is what else was asked for: it is no part of
    what the load covers, and a column that is not required may lack it.

    ``closed`` is told of each segment as soon as it is whole, while the next ones are read.
    ``fetching`` is waited for when all is written. Raises SourceRefused and its kinds,
    CountsDisagree when the reader's rows are not the records counted in the bytes, StorageFailed
    when the disk refuses.
    """
    try:
        with SegmentWriter(contract, place.folder, closed) as segments:
            known = known_runs(place.landing, contract.dataset, contract.identity)
            for run, casts in _runs_ahead(
                contract, source, segments, {} if scope or within else known
            ):
                for cast in casts:
                    if not segments.landed + segments.refused:
                        _check_types(contract, fetching, cast)
                    _check_scope(contract, cast.landed, scope or {})
                    _check_scope(contract, cast.landed, within or {}, may_lack=True)
                    segments.add(cast.landed, cast.refused)
                segments.close_run(run.key)
    except OSError as error:
        raise storage_failed(contract.dataset, place.load_id, error) from error
    read = source.records_read()
    if read == 0:
        raise SourceRefused(f"{contract.dataset}: {fetching.origin} holds no rows.")
    if read != segments.landed + segments.refused:
        raise CountsDisagree(
            f"{contract.dataset} load {place.load_id}: {fetching.origin} holds {read} records, "
            f"but the reader gave {segments.landed + segments.refused}. Nothing was landed. "
            "Look for a stray quote, or report the file: a row would be lost."
        )
    fetched = fetching.result()
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
    contract: Contract, source: Source, segments: "SegmentWriter", known: Mapping[str, Known]
) -> Iterator[tuple[_Run, Iterator[CastBatch]]]:
    """Runs in order, each with its batches, which a few threads parse and cast ahead.

    While one run is written the next is cast and the bytes of a third are read.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        ahead: deque[Future[CastBatch]] = deque()

        def taken(count: int) -> Iterator[CastBatch]:
            for _ in range(count):
                yield ahead.popleft().result()

        try:
            before: _Run | None = None
            for run in _runs(source.parts()):
                if run.key in known:
                    if before:
                        yield before, taken(len(ahead))
                        before = None
                    if segments.link(run.key, known[run.key]):
                        continue
                for part in run.parts:
                    ahead.append(pool.submit(_cast_part, contract, part))
                if before:
                    yield before, taken(len(before.parts))
                before = run
            if before:
                yield before, taken(len(ahead))
        finally:
            for waiting in ahead:
                waiting.cancel()


def _runs(parts: Iterator[Part]) -> Iterator[_Run]:
    """Group parts into runs; parts that are not known again go together as they come."""
    run: list[Part] = []
    digest = blake3()
    for part in parts:
        run.append(part)
        if isinstance(part, Recurring):
            if len(run) == 1:
                digest = blake3(f"{part.first} {part.like}".encode())
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
        with SegmentWriter(contract, place.folder) as segments:
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
        stream={},  # the topic's position stands already, with the load they come from
    )


def write_refusal(contract: Contract, fetched: Fetched, place: Workplace) -> Manifest:
    """Lay down a load without rows, for a source that was refused whole."""
    with SegmentWriter(contract, place.folder):
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


def _check_types(contract: Contract, fetching: Fetching | Fetched, first: CastBatch) -> None:
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
                f"{contract.dataset}: {fetching.origin} has another type in column "
                f"{column.source}: {column.type} until now, but {entry['value_count']} of "
                f"the first {rows} values are not, such as {entry['value_min']!r}. If the "
                f"publisher changed it, change {contract.dataset}.yml and raise its version."
            )


def _check_scope(
    contract: Contract,
    rows: pa.RecordBatch,
    scope: dict[str, list[str]],
    *,
    may_lack: bool = False,
) -> None:
    for column, prefixes in scope.items():
        if not pa.types.is_string(contract.column(column).arrow_type):
            raise ContractError(f"{contract.dataset}: a scope needs a text column, not {column}.")
        lacking = may_lack and not contract.column(column).required
        values = rows[column]
        if pa.types.is_dictionary(values.type):
            inside = _inside(values.dictionary, prefixes).take(values.indices)
        else:
            inside = _inside(values, prefixes)
        inside = np.asarray(inside.fill_null(lacking))
        if not inside.all():
            at = int(np.flatnonzero(~inside)[0])
            raise SourceRefused(
                f"{contract.dataset}: row {rows['_row'][at]} has {column} {values[at]}, "
                f"outside the scope {', '.join(prefixes)} that was declared for the load."
            )


def _inside(values: pa.Array, prefixes: list[str]) -> pa.BooleanArray:
    """Which values have one of the prefixes, or are one of the whole values; null for null."""
    whole = [p.removeprefix(EXACTLY) for p in prefixes if p.startswith(EXACTLY)]
    inside = pc.if_else(pc.is_valid(values), pc.is_in(values, pa.array(whole, pa.string())), None)
    for prefix in prefixes:
        if not prefix.startswith(EXACTLY):
            inside = pc.or_(inside, pc.starts_with(values, prefix))
    return inside
