"""Positions in topics: committed with the rows, in the same transaction, or not at all.

A commit compares and sets: a micro-batch is taken only when it begins where its partition stands
for that very topic. One that begins earlier was overtaken, and is given up: its messages stand
already, or will be read again. One that begins later waits for those before it. Rows of
``ledger.positions`` are appended; the greatest ``next_offset`` of a partition is where it stands.
"""

import json
from pathlib import Path
from typing import Any

import duckdb

from ingest.landing import Manifest, now
from ingest.streams.positions import StreamPart, part_of
from warehouse import side
from warehouse.errors import WarehouseError

_STANDING = (
    'select "partition", max(next_offset) from ledger.positions '
    "where dataset = ? and topic = ? and epoch = ? group by all"
)


class Overtaken(WarehouseError):
    """Raised when a micro-batch begins before its partition's position: it must be given up."""


class TooEarly(WarehouseError):
    """Raised when a micro-batch begins beyond its partition's position: others come first."""


def advance(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Compare and set the positions of a micro-batch; raises Overtaken and TooEarly.

    Runs inside the caller's transaction.
    """
    part = part_of(manifest.stream)
    _check_epoch(connection, manifest.dataset, part)
    found = connection.execute(_STANDING, [manifest.dataset, part.topic, part.epoch]).fetchall()
    standing = dict(found)
    apart = [
        (standing[span.partition], span)
        for span in part.spans
        if standing.get(span.partition, span.start) != span.start
    ]
    for kind, at, span in sorted((at < span.start, at, span) for at, span in apart):
        told = f"{part.topic}:{span.partition} stands at {at}, the batch begins at {span.start}"
        raise (TooEarly if kind else Overtaken)(told)
    places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(part.spans))
    bound = [
        value
        for s in part.spans
        for value in (
            manifest.dataset, part.topic, part.epoch, s.partition, s.start, s.next,
            manifest.load_id, manifest.landed_at,
        )
    ]  # fmt: skip
    connection.execute(f"insert into ledger.positions values {places}", bound)


def standing(connection: duckdb.DuckDBPyConnection, dataset: str) -> dict[str, Any]:
    """Where a dataset's topics stand: by topic its epoch, the topic's id, and per partition.

    ``{topic: {"epoch": 1, "topic_id": "...", "next": {"0": 100}}}``, as the side store has it.
    """
    told: dict[str, Any] = {}
    for topic, epoch, topic_id in connection.execute(
        "select topic, max(epoch), arg_max(topic_id, epoch) from ledger.epochs where dataset = ? "
        "group by topic",
        [dataset],
    ).fetchall():
        found = connection.execute(_STANDING, [dataset, topic, epoch]).fetchall()
        following = {str(partition): offset for partition, offset in found}
        told[topic] = {"epoch": epoch, "topic_id": topic_id, "next": following}
    return told


def begin_epoch(
    connection: duckdb.DuckDBPyConnection,
    dataset: str,
    topic: str,
    topic_id: str,
    reason: str,
    by: str,
) -> int:
    """Begin a new epoch of a topic that was made anew; gives its number."""
    row = connection.execute(
        "select coalesce(max(epoch), 0) + 1 from ledger.epochs where dataset = ? and topic = ?",
        [dataset, topic],
    ).fetchone()
    epoch = int(row[0]) if row else 1
    connection.execute(
        "insert into ledger.epochs values (?, ?, ?, ?, ?, ?, ?)",
        [dataset, topic, topic_id, epoch, reason, by, now()],
    )
    return epoch


def remember_epochs(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Fill a warehouse that is made anew with the epochs that landed micro-batches name."""
    known: set[tuple[str, str, int]] = set()
    for path in sorted((home / "landing").glob("[!.]*/*/manifest.json")):
        entry = json.loads(path.read_text("utf-8"))
        if entry.get("stream"):
            part = part_of(entry["stream"])
            name = (str(entry["dataset"]), part.topic, part.epoch)
            if name not in known:
                known.add(name)
                _note_epoch(connection, entry["dataset"], part, "rebuilt from the landing")


def note_aside(connection: duckdb.DuckDBPyConnection, home: Path, dataset: str) -> None:
    """Write where the dataset stands to ``ops/positions``, which needs no lock to be read."""
    side.write(home / "ops" / "positions" / f"{dataset}.json", standing(connection, dataset))


def noted(home: Path, dataset: str) -> dict[str, Any]:
    """What ``note_aside`` wrote last; it may be behind the ledger, never before it."""
    try:
        path = home / "ops" / "positions" / f"{dataset}.json"
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return told


def _check_epoch(connection: duckdb.DuckDBPyConnection, dataset: str, part: StreamPart) -> None:
    known = connection.execute(
        "select epoch, topic_id from ledger.epochs where dataset = ? and topic = ?",
        [dataset, part.topic],
    ).fetchall()
    if not known and part.epoch == 1:
        _note_epoch(connection, dataset, part, "first messages")
    elif (part.epoch, part.topic_id) not in known:
        raise Overtaken(
            f"{part.topic} in epoch {part.epoch} is another topic than the batch was read from"
        )


def _note_epoch(
    connection: duckdb.DuckDBPyConnection, dataset: str, part: StreamPart, reason: str
) -> None:
    connection.execute(
        "insert into ledger.epochs values (?, ?, ?, ?, ?, 'stream', ?)",
        [dataset, part.topic, part.topic_id, part.epoch, reason, now()],
    )
