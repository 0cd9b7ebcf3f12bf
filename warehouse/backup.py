"""Backup, restore, and the rebuild of a lost warehouse file from the landing.

A backup holds the warehouse, the landing with its journal, the side store and the published
version, never the archive of publishers' bytes. It is written aside and renamed, with the sha256
of every file; a restore checks them all before it writes anything. Hold the writer's lock.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ingest.errors import LandingDamaged
from ingest.landing import read_landed, read_verdict
from ingest.steps import reached
from warehouse import ledger, positions, side
from warehouse.commit import (
    ContractOf,
    answer,
    commit_load,
    commit_pending,
    in_transaction,
    reject_load,
)
from warehouse.database import FILE, open_warehouse
from warehouse.errors import BackupFailed, SchemaConflict

MANIFEST = "backup.json"
_PARTS = ("landing", "ops", "published")


def backup(home: Path, target: Path) -> Path:
    """Copy everything but the archive into a new directory under ``target``; gives its path."""
    if not (home / FILE).is_file():
        raise BackupFailed(f"{home} holds no warehouse to back up.")
    with open_warehouse(home) as connection:
        connection.execute("checkpoint")
    name = f"dvina-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    aside = target / f".{name}.part"
    try:
        aside.mkdir(parents=True)
        shutil.copy2(home / FILE, aside / FILE)
        reached("backup.mid_copy")
        for part in _PARTS:
            if (home / part).is_dir():
                skipped = shutil.ignore_patterns(".work", "*.part")
                shutil.copytree(home / part, aside / part, symlinks=True, ignore=skipped)
        sums = {str(path.relative_to(aside)): _sha256(path) for path in _files(aside)}
        (aside / MANIFEST).write_text(json.dumps(sums, indent=1), encoding="utf-8")
        for path in _files(aside):
            _flush(path)
        final = target / name
        aside.rename(final)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise BackupFailed(
            f"The backup could not be written to {target}: {error.strerror}. Nothing is kept of it."
        ) from error
    return final


def restore(source: Path, home: Path) -> None:
    """Bring a backup back into a home without a warehouse; raises BackupFailed."""
    try:
        sums: dict[str, str] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackupFailed(f"{source} is no whole backup: {error}.") from error
    if (home / FILE).exists():
        raise BackupFailed(f"{home} holds a warehouse already. Restore into another directory.")
    for name, expected in sums.items():
        path = source / name
        if not path.is_file() or _sha256(path) != expected:
            raise BackupFailed(f"{name} in {source} is missing or damaged. Nothing was restored.")
    for part in _PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, home / part, symlinks=True, dirs_exist_ok=True)
    # The warehouse comes last: with it the home is a whole one again.
    aside = home / f".{FILE}.part"
    shutil.copy2(source / FILE, aside)
    _flush(aside)
    aside.replace(home / FILE)


def rebuild(home: Path, contract_of: ContractOf) -> int:
    """Make a lost warehouse file anew from landing, verdicts and journal; gives the events.

    Raises BackupFailed when the file is still there or rows of the journal are gone.
    """
    if (home / FILE).exists():
        raise BackupFailed(f"{home / FILE} is still there. Move it away first.")
    shutil.rmtree(home / "ops", ignore_errors=True)
    count = 0
    with open_warehouse(home) as connection:
        positions.remember_epochs(connection, home)
        for event in side.journal(home):
            why = ledger.Cause(event["reason"], event["by"], event["at"])
            work = _work(home, event, contract_of, why)
            try:
                in_transaction(connection, work)
            except (LandingDamaged, SchemaConflict):
                landed = read_landed(_folder(home, event))
                in_transaction(connection, partial(reject_load, landed, why))
            count += 1
        commit_pending(connection, home, contract_of)
    return count


def _work(home: Path, event: dict[str, Any], contract_of: ContractOf, why: ledger.Cause) -> Any:
    if event["kind"] != "load":
        return partial(answer, home, event["kind"], event["load_id"], contract_of, why)
    folder = _folder(home, event)
    landed = read_landed(folder)
    verdict = read_verdict(landed) or {"outcome": "errored", "results": []}
    return partial(commit_load, contract_of(event["dataset"]), landed, verdict, why)


def _folder(home: Path, event: dict[str, Any]) -> Path:
    folder = home / "landing" / str(event["dataset"]) / str(event["load_id"])
    if not folder.is_dir():
        raise BackupFailed(
            f"Load {event['load_id']} of {event['dataset']} is in the journal, but its rows are no "
            "longer in landing. Restore a backup."
        )
    return folder


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != MANIFEST:
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
