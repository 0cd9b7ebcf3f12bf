"""Compacts what a stream has brought in: plans and replaces under the lock, writes without it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from dvina.settings import Settings
from ingest import landing
from ingest.casting import QUARANTINE_SCHEMA
from ingest.contract import Contract, load_contract
from ingest.landing import Landed, Workplace
from ingest.segment_writer import SegmentWriter
from ingest.steps import reached
from ingest.streams.positions import StreamPart, part_of
from warehouse import compaction
from warehouse.compaction import NotNow, Run
from warehouse.database import open_warehouse
from warehouse.lock import writer_lock
from warehouse.seal import seal

_GRACE = timedelta(minutes=2)  # an hour is over a little later: some of its batches may wait


def compact(settings: Settings, dataset: str, until: datetime | None = None) -> tuple[int, int]:
    """Merge the micro-batches of hours that are over; gives (batches before, loads after).

    ``until`` is now by default: the hour it lies in stays as it is. Raises LockTimeout.
    """
    contract = load_contract(dataset)
    moment = (until or datetime.now(UTC)) - (_GRACE if until is None else timedelta())
    edge = moment.replace(minute=0, second=0, microsecond=0) if until is None else moment
    before = after = 0
    with writer_lock(settings.home, settings.lock_wait_s), open_warehouse(settings.home) as found:
        compaction.finish(found, settings.home, dataset)
        runs = compaction.plan(found, dataset, edge.isoformat())
    for run in runs:
        merged = _written(settings, contract, run)
        with writer_lock(settings.home, settings.lock_wait_s), open_warehouse(settings.home) as con:
            try:
                compaction.merge(con, run, merged, edge.isoformat())
                before, after = before + len(run.load_ids), after + 1
            except NotNow:
                pass  # what was written is cleared away with the marks
            compaction.finish(con, settings.home, dataset)
    return before, after


def _written(settings: Settings, contract: Contract, run: Run) -> Landed:
    """The merged load in the landing; it counts for nothing until it is put in place."""
    batches = list(compaction.batches_of(settings.home, contract.dataset, run))
    place = Workplace(settings.home / "landing", contract.dataset)
    try:
        with SegmentWriter(contract, place.folder) as segments:
            empty = pa.RecordBatch.from_pylist([], contract.schema)
            nothing = pa.RecordBatch.from_pylist([], QUARANTINE_SCHEMA)
            for batch in batches:
                for path in batch.segments:
                    for rows in pq.ParquetFile(path).iter_batches():
                        segments.add(rows, nothing)
                for refused in pq.ParquetFile(batch.quarantine).iter_batches():
                    segments.add(empty, refused)
        pq.write_table(compaction.offsets_of(batches), place.folder / compaction.BATCHES)
        compaction.marked(place.folder, run)
        manifest = _manifest(contract, batches, place, tuple(segments.names))
        reached("compact.written")
        merged = place.publish(manifest)
    except BaseException:
        place.discard()
        raise
    verdict = {"outcome": "passed", "reason": "merged from micro-batches that passed"}
    landing.write_verdict(merged, {**verdict, "decided_by": "compaction", "results": []})
    return merged


def _manifest(
    contract: Contract, batches: list[Landed], place: Workplace, segments: tuple[str, ...]
) -> landing.Manifest:
    manifests = [batch.manifest for batch in batches]
    last = part_of(manifests[-1].stream)
    part = StreamPart(last.topic, last.topic_id, last.epoch, compaction.spans_of(batches))
    total = {
        name: sum(getattr(m, name) for m in manifests)
        for name in ("source_bytes", "rows_read", "rows_landed", "rows_quarantined")
    }
    repeats = sum(m.rows_duplicate for m in manifests)
    manifest = replace(
        manifests[-1], load_id=place.load_id, origin=part.name, segments=segments,
        rows_duplicate=0, stream=part.to_json(), **total,
    )  # fmt: skip
    # Repeats of different batches stand in the warehouse, so they stay here too.
    sealed = seal(replace(contract, repeats="legitimate"), place.folder, manifest)
    return replace(sealed, rows_duplicate=repeats)
