"""The writer's lock: one process at a time opens the warehouse file.

It is an operating-system lock on one host, so a dead holder's lock is free at once. Beside it
lies a note of who holds it, which a waiting process shows and which proves nothing by itself.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.errors import LockTimeout, WarehouseError


@contextmanager
def writer_lock(home: Path, wait_s: float) -> Iterator[None]:
    """Hold the writer's lock of ``home``; raises LockTimeout after ``wait_s`` seconds."""
    lock = _lock(home)
    try:
        lock.acquire(timeout=wait_s, poll_interval=0.02)
    except Timeout as error:
        raise LockTimeout(
            f"The warehouse was busy for {wait_s:g} s: {holder(home)}. What was landed is kept "
            "and will be committed by whoever holds the lock; run again to wait longer, or raise "
            "DVINA_LOCK_WAIT_S."
        ) from error
    except OSError as error:
        raise WarehouseError(f"{home} cannot be locked: {error.strerror}.") from error
    note = _note(home)
    try:
        _write_note(note)
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def state(home: Path) -> str:
    """``free``, or who holds the lock, in words; does not wait."""
    lock = _lock(home)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return holder(home)
    lock.release()
    return "free"


def holder(home: Path) -> str:
    """Who noted down that they hold the lock; a note proves nothing by itself."""
    try:
        note = json.loads(_note(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "its holder left no note"
    return (
        f"held by process {note['pid']} on {note['host']} since {note['since']} ({note['command']})"
    )


def _lock(home: Path) -> FileLock:
    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / "warehouse.lock")


def _note(home: Path) -> Path:
    return home / "warehouse.lock.holder"


def _write_note(note: Path) -> None:
    aside = note.with_suffix(f".{os.getpid()}")
    entry = {
        "host": socket.gethostname(),
        "container": os.environ.get("HOSTNAME", ""),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]]),
    }
    aside.write_text(json.dumps(entry), encoding="utf-8")
    aside.replace(note)
