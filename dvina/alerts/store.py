"""Keeps incidents, messages and failures of tasks: small files under ``ops/``, replaced whole.

``ops/incidents/<id>.json``, ``ops/outbox/<id>.json``, ``ops/tasks/<dag>.<task>.json``. Whoever
changes incidents holds ``ops/incidents/.lock``, for moments only.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from expectations.incidents import Incident

KEPT_RESOLVED = 200  # incidents; older ones are removed
_WAIT_S = 30


@contextmanager
def changing(home: Path) -> Iterator[None]:
    """Let one process at a time change incidents; raises filelock.Timeout."""
    folder = home / "ops" / "incidents"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=_WAIT_S):
        yield


@contextmanager
def sending(home: Path) -> Iterator[None]:
    """Let one process at a time send messages; raises filelock.Timeout at once."""
    folder = home / "ops" / "outbox"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=0):
        yield


def incidents(home: Path) -> list[Incident]:
    """All incidents, oldest first."""
    return [Incident.from_json(entry) for entry in _read(home / "ops" / "incidents")]


def save(home: Path, incident: Incident) -> None:
    """Write an incident, and remove what was resolved long ago."""
    write(home / "ops" / "incidents" / f"{incident.incident_id}.json", incident.to_json())
    if not incident.is_open:
        resolved = [i.incident_id for i in incidents(home) if not i.is_open]
        for name in resolved[:-KEPT_RESOLVED]:
            (home / "ops" / "incidents" / f"{name}.json").unlink(missing_ok=True)


def put_message(home: Path, message: dict[str, Any]) -> None:
    """Write a message that is to be sent; it has a ``message_id``."""
    write(home / "ops" / "outbox" / f"{message['message_id']}.json", message)


def messages(home: Path) -> list[dict[str, Any]]:
    """Messages that were not delivered yet, oldest first."""
    return _read(home / "ops" / "outbox")


def delivered(home: Path, message: dict[str, Any]) -> None:
    """Take a message off the list."""
    (home / "ops" / "outbox" / f"{message['message_id']}.json").unlink(missing_ok=True)


def task_failed(home: Path, dag: str, task: str, entry: dict[str, Any]) -> None:
    """Note that a task of Airflow failed for good."""
    write(home / "ops" / "tasks" / f"{dag}.{task}.json", {"dag": dag, "task": task, **entry})


def task_succeeded(home: Path, dag: str, task: str) -> bool:
    """Note that a task of Airflow is well; True when it had failed before."""
    try:
        (home / "ops" / "tasks" / f"{dag}.{task}.json").unlink()
    except FileNotFoundError:
        return False
    return True


def failed_tasks(home: Path) -> list[dict[str, Any]]:
    """Tasks whose last run failed."""
    return _read(home / "ops" / "tasks")


def cursor(home: Path) -> dict[str, str]:
    """For each dataset the newest load that was looked at."""
    try:
        found: dict[str, str] = json.loads((home / "ops" / "looked_at.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def move_cursor(home: Path, seen: dict[str, str]) -> None:
    """Remember up to which load everything was looked at."""
    write(home / "ops" / "looked_at.json", {**cursor(home), **seen})


def write(path: Path, entry: Any) -> None:
    """Replace a file of JSON in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(3)}")
    aside.write_text(json.dumps(entry, indent=1, default=str), encoding="utf-8")
    os.replace(aside, path)


def _read(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            found.append(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:  # another process took it off the list meanwhile
            continue
    return found
