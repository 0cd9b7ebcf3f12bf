"""Drives quarantined rows again after a contract or lookup was mended.

Only those rows: what passes now joins a load of its own that is linked to the load it came from;
what does not pass stays where it is. Rows of a load that is no longer in force are left alone.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dvina.pipeline import Outcome, clean_up, judge_landed, settle
from dvina.settings import Settings
from ingest import landing, segments
from ingest.casting import cast_batch, plain
from ingest.contract import Contract, load_contract
from ingest.landing import Landed, Workplace
from ingest.sources import RawBatch
from warehouse import side
from warehouse.quarantine import known_already, open_rows
from warehouse.seal import seal


@dataclass(frozen=True)
class Replayed:
    """Of one load: how many rows were driven again, how many passed, how many stay refused."""

    origin_load_id: str
    driven: int
    passed: int
    left: int
    outcome: Outcome | None


def replay(settings: Settings, dataset: str) -> tuple[Replayed, ...]:
    """Replay every open quarantined row of a dataset's loads in force."""
    contract = load_contract(dataset)
    clean_up(settings)
    entries = [
        entry
        for entry in side.loads(settings.home, dataset)
        if entry["rows_quarantined"] and _in_force(entry)
    ]
    return tuple(_replay_load(settings, contract, str(entry["load_id"])) for entry in entries)


def _in_force(entry: dict[str, Any]) -> bool:
    if entry["slices"]:
        return bool(entry["slices_in_force"])
    return bool(entry["decisions"][-1]["decision"] == "accepted")


def _replay_load(settings: Settings, contract: Contract, load_id: str) -> Replayed:
    folder = settings.home / "landing" / contract.dataset / load_id
    origin = landing.read_landed(folder)
    rows = open_rows(settings.home, contract, origin)
    if not rows.num_rows:
        return Replayed(load_id, 0, 0, 0, None)
    columns = rows.drop_columns(["_row"]).combine_chunks().to_batches()[0]
    numbers = rows["_row"].combine_chunks()
    raw = RawBatch(columns, numbers, name=origin.manifest.origin)
    passing = plain(cast_batch(contract, raw).landed, contract.schema)
    passing = passing.filter(pc.invert(known_already(contract, origin, passing)))
    left = rows.num_rows - passing.num_rows
    if not passing.num_rows:
        return Replayed(load_id, rows.num_rows, 0, left, None)
    landed = _land(settings.home, contract, origin, passing)
    # A handful of rows is no small load: the floor was for the whole.
    lenient = replace(contract, limits=replace(contract.limits, min_rows=0))
    judge_landed(lenient, landed)
    return Replayed(load_id, rows.num_rows, passing.num_rows, left, settle(settings, landed))


def _land(home: Path, contract: Contract, origin: Landed, passing: pa.RecordBatch) -> Landed:
    place = Workplace(home / "landing", contract.dataset)
    try:
        manifest = segments.write_replay(contract, origin, passing, place)
        return place.publish(seal(contract, place.folder, manifest))
    except BaseException:
        place.discard()
        raise
