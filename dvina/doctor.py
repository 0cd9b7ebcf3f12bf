"""Looks an installation over without the lock: what is wrong, and what to do about it."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dvina.settings import Settings
from ingest.contract import dataset_names, load_contract
from ingest.errors import IngestError
from ingest.landing import check_segments, landed_loads
from warehouse import publish, side
from warehouse.sums import first_difference

_LEAST_FREE = 1024**3


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it is well, and what was seen."""

    subject: str
    well: bool
    seen: str


def examine(settings: Settings) -> tuple[Finding, ...]:
    """All checks, in the order of the way of the data."""
    return (
        _home(settings.home),
        _contracts(),
        *_landing(settings.home),
        _ledger(settings.home),
        *_published(settings.home),
    )


def _home(home: Path) -> Finding:
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    well = os.access(home, os.W_OK) and free > _LEAST_FREE
    return Finding("home", well, f"{home}, {free / 1024**3:.1f} GiB free")


def _contracts() -> Finding:
    try:
        names = [load_contract(name).dataset for name in dataset_names()]
    except IngestError as error:
        return Finding("contracts", False, str(error))
    return Finding("contracts", bool(names), f"{len(names)} datasets")


def _landing(home: Path) -> Iterator[Finding]:
    count = 0
    try:
        for landed in landed_loads(home / "landing"):
            check_segments(landed)
            count += 1
    except IngestError as error:
        yield Finding("landing", False, str(error))
    yield Finding("landing", True, f"{count} loads, each as its manifest says")


def _ledger(home: Path) -> Finding:
    open_counts = [
        load["load_id"]
        for load in side.loads(home)
        if load["rows_read"]
        != load["rows_landed"] + load["rows_quarantined"] + load["rows_duplicate"]
    ]
    seen = f"counts do not close in {', '.join(open_counts)}" if open_counts else "counts close"
    return Finding("ledger", not open_counts, seen)


def _published(home: Path) -> Iterator[Finding]:
    version = publish.current(home)
    if version is None:
        yield Finding("published", True, "nothing yet; run 'dvina build'")
        return
    sums, of_blocks = version.manifest["sha256"], version.manifest.get("sha256_of_blocks")
    at = None
    if of_blocks:
        known, block_bytes = of_blocks[publish.DATABASE], of_blocks["block_bytes"]
        at = first_difference(version.database, known, block_bytes)
    if at is not None:
        told = f"{publish.DATABASE} differs from byte {at} on; run 'dvina publish --rollback'"
        yield Finding("published", False, told)
    for name, expected in sums.items():
        with (version.folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                yield Finding("published", False, f"{name} differs; run 'dvina publish --rollback'")
    yield Finding(
        "published", True, f"version {version.version_id}, {len(sums)} files and the database"
    )
