"""Sealing: one DuckDB for many loads gives what one of its own gives, also after a failure."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingest import archive, segments
from ingest.contract import Contract
from ingest.landing import STATS, UNITS, Manifest, Workplace
from ingest.sources import open_source
from tests.support import rows, toy
from warehouse.errors import WarehouseError
from warehouse.seal import Sealer, seal

GOOD = (
    "Belarus,2021-01,8703,10.50,2021-02-01",
    "Russia,2021-01,8704,3,",
    "Russia,2021-02,8704,7,-",
)


def _written(contract: Contract, home: Path, *entries: str) -> tuple[Path, Manifest]:
    """A file that is written aside, not sealed yet."""
    path = home / "a.csv"
    path.write_text(rows(*entries), encoding="utf-8")
    fetched = archive.fetch(contract, str(path), home / "archive")
    place = Workplace(home / "landing", contract.dataset)
    source = open_source(contract, fetched.path, fetched.origin)
    return place.folder, segments.write_segments(contract, source, fetched, place)


def test_loads_sealed_one_after_the_other_are_sealed_as_each_by_itself(home: Path) -> None:
    contract, sealer = toy(home / "contracts"), Sealer()
    for entries in (GOOD, (*GOOD, GOOD[0], "Atlantis,2021-01,8703,1,"), GOOD[:1], GOOD):
        alone = seal(contract, *_written(contract, home, *entries))
        folder, manifest = _written(contract, home, *entries)
        together = sealer.seal(contract, folder, manifest)
        assert together.rows_duplicate == len(entries) - len({*entries})
        same = {"load_id": "", "landed_at": ""}
        assert replace(together, **same) == replace(alone, **same)
        units = pq.read_table(folder / UNITS)
        assert sum(units["row_count"].to_pylist()) == together.rows_landed > 0
    sealer.close()


def test_a_load_that_cannot_be_sealed_leaves_the_next_ones_alone(home: Path) -> None:
    contract, sealer = toy(home / "contracts"), Sealer()
    folder, manifest = _written(contract, home, *GOOD)
    (folder / manifest.segments[0]).unlink()
    with pytest.raises(WarehouseError, match=f"load {manifest.load_id}: the landing cannot be"):
        sealer.seal(contract, folder, manifest)
    folder, manifest = _written(contract, home, *GOOD)
    assert sealer.seal(contract, folder, manifest).rows_landed == len(GOOD)
    assert list(folder.glob(f"{STATS}-*"))
    sealer.close()


def test_a_sealer_keeps_nothing_of_the_loads_it_has_sealed(home: Path) -> None:
    contract, sealer = toy(home / "contracts"), Sealer()
    held = []
    for _ in range(12):
        sealer.seal(contract, *_written(contract, home, *GOOD))
        told = sealer._opened().execute("select tag, memory_usage_bytes from duckdb_memory()")
        held.append(dict(told.fetchall()))
    assert "EXTERNAL_FILE_CACHE" in held[-1]
    assert held[-1] == held[3]
    sealer.close()
