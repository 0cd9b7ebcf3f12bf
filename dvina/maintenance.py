"""What an installation wants done once a day: old bytes go, files are tidied, a copy is made.

Each step may be done again at any time; those that need the writer's lock wait for it and raise
LockTimeout.
"""

import shutil
from pathlib import Path

from dvina.doctor import Finding, examine
from dvina.pipeline import clean_up
from dvina.settings import Settings
from ingest import archive
from ingest.contract import dataset_names, load_contract
from warehouse.backup import MANIFEST, backup
from warehouse.database import FILE, open_warehouse
from warehouse.lock import writer_lock


def expire(settings: Settings) -> int:
    """Remove archived bytes that contracts keep no longer, and dead leftovers; how many files."""
    clean_up(settings)
    contracts = map(load_contract, dataset_names())
    return sum(archive.expire(settings.home / "archive", contract) for contract in contracts)


def compact_streams(settings: Settings) -> dict[str, tuple[int, int]]:
    """Merge micro-batches of hours that are over; by dataset (batches before, loads after)."""
    from dvina.streaming.compacting import compact
    from dvina.streaming.service import streamable

    return {dataset: compact(settings, dataset) for dataset in streamable()}


def checkpoint(settings: Settings) -> tuple[int, int]:
    """Write DuckDB's log into the warehouse file and shorten it; its bytes before and after."""
    if not (settings.home / FILE).is_file():
        return 0, 0
    with writer_lock(settings.home, settings.lock_wait_s):
        before = _size(settings.home)
        with open_warehouse(settings.home, settings.memory_limit) as connection:
            connection.execute("checkpoint")
        return before, _size(settings.home)


def back_up(settings: Settings) -> Path | None:
    """Copy the installation under ``backups`` and drop the oldest copies; None without a place.

    Raises BackupFailed.
    """
    if settings.backups is None or not (settings.home / FILE).is_file():
        return None
    with writer_lock(settings.home, settings.lock_wait_s):
        made = backup(settings.home, settings.backups)
    whole = sorted(path.parent for path in settings.backups.glob(f"dvina-*/{MANIFEST}"))
    for old in whole[: -settings.keep_backups]:
        shutil.rmtree(old)
    return made


def look_over(settings: Settings) -> tuple[Finding, ...]:
    """What the doctor finds ill."""
    return tuple(finding for finding in examine(settings) if not finding.well)


def _size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.glob(f"{FILE}*") if path.is_file())
