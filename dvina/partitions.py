"""Names the slices of a load as partitions of its asset in Airflow, such as ``BLR 2021-03``.

A load of very many slices is told by year, so that a run of Airflow never has to carry thousands
of events; ``any`` stands for slices that name no year.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from ingest.landing import UNITS
from warehouse.builds import year_of

MOST_KEYS = 60  # of one task; a load with more slices tells their years
LONGEST = 250  # characters that Airflow takes for a key
NO_YEAR, WHOLE = "any", "whole"


def partition_keys(home: Path, dataset: str, load_ids: Iterable[str]) -> list[str]:
    """Keys of the slices that landed loads hold, in order; ``whole`` where they have none."""
    folders = (home / "landing" / dataset / load_id for load_id in load_ids)
    slices = {text for folder in folders for text in _slices(folder / UNITS)}
    if len(slices) > MOST_KEYS:
        return sorted({_year(text) for text in slices})
    return sorted({_words(text) for text in slices}) or [WHOLE]


def _slices(units: Path) -> Iterator[str]:
    if units.is_file():
        yield from map(str, pq.read_table(units, columns=["slice"])["slice"].to_pylist())


def _year(slice_text: str) -> str:
    year = year_of(slice_text)
    return NO_YEAR if year is None else str(year)


def _words(slice_text: str) -> str:
    values = json.loads(slice_text).values()
    return " ".join(str(v) for v in values if v not in (None, ""))[:LONGEST].strip() or WHOLE
