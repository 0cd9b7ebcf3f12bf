"""Publishes whole versions: a directory written aside, verified, flushed, then one link switched.

A reader sees a whole version or the one before, never a part. What did not change is not
published; of what did, only the parts that differ are written (``warehouse.snapshot``).
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse import standing
from warehouse.aside import Aside
from warehouse.contents import (
    MARTS,
    Held,
    Table,
    View,
    digest,
    tables,
    views,
)
from warehouse.errors import PublishFailed
from warehouse.reading_back import verify_database, verify_parquet
from warehouse.snapshot import (
    STORAGE_VERSION,
    changes,
    write_database,
    write_parquet,
)
from warehouse.sums import BLOCK_BYTES, Pages, page_sums, sums_of_blocks
from warehouse.versions import (
    DATABASE,
    MANIFEST,
    ROLLED_BACK,
    Version,
    clean,
    current,
    discard,
    make_current,
    roll_back,
    rolled_back,
)

__all__ = [
    "DATABASE", "MANIFEST", "ROLLED_BACK", "Version", "Words", "clean", "current", "discard",
    "roll_back", "switch", "write_aside", "write_file",
]  # fmt: skip
_MOST_LOADS = 1000  # of one dataset in the manifest; ops.decisions of the version has all


@dataclass(frozen=True)
class Words:
    """What is said about the data: comments by schema.table[.column], pages by their path."""

    comments: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)


def write_aside(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    facts: Mapping[str, Any],
    words: Words | None = None,
    held: Mapping[str, Held] | None = None,
) -> Version | None:
    """Write the built marts and the ledger as a new version; None when nothing changed.

    Raises PublishFailed when there are no marts, when what was written cannot be read back, or
    when the disk refuses. ``facts`` go into the manifest beside horizon and source loads; ``held``
    says of which marts the fingerprints of the current version hold (``warehouse.standing``).
    """
    connection.begin()  # loads may be committed meanwhile: all is read as of one moment
    aside = Aside(home)
    try:
        if any(known.stale for known in (held or {}).values()):  # it is about to differ
            aside.begin_copy()
        found = _measure(connection, aside.former, words or Words(), held)
        version = _write_changed(connection, home, facts, found, aside)
    finally:
        aside.end()
        with suppress(duckdb.Error):  # where a version was written, it is ended
            connection.rollback()
    stands_at = found.former if found.is_published else version
    if stands_at:
        standing.note(connection, stands_at.version_id)
    return version


@dataclass(frozen=True)
class _Found:
    """All there is to publish, and the version that is current."""

    tables: tuple[Table, ...]
    views: tuple[View, ...]
    words: Words
    contents: Mapping[str, str]
    former: Version | None

    @property
    def is_published(self) -> bool:
        """The current version is the same."""
        known = self.former.manifest.get("contents") if self.former else None
        return known == self.contents


def _measure(
    connection: duckdb.DuckDBPyConnection,
    former: Version | None,
    words: Words,
    held: Mapping[str, Held] | None,
) -> _Found:
    found, seen = tables(connection, words.comments, held), views(connection, words.comments)
    if not any(table.schema == MARTS for table in found):
        raise PublishFailed("There are no marts to publish. Run 'dvina build' first.")
    contents = {table.full_name: table.content for table in found}
    contents |= {view.full_name: view.content for view in seen}
    contents["dictionary"] = f"pages:{digest(dict(words.pages))}"
    return _Found(found, seen, words, contents, former)


def _write_changed(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    facts: Mapping[str, Any],
    found: _Found,
    aside: Aside,
) -> Version | None:
    if found.is_published or rolled_back(home) == found.contents:
        return None
    entry = {**facts, **_ledger_facts(connection), "contents": found.contents}
    try:
        version = _write(connection, aside, found, entry)
    except (OSError, duckdb.Error) as error:
        raise PublishFailed(
            f"A version could not be written: {error}. Readers keep the former one. "
            "Make space or mend the permission, then run 'dvina publish'."
        ) from error
    aside.is_version = True
    return version


def write_file(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the built marts and the ledger into a new file of the kind that is published.

    Raises PublishFailed; nothing is published.
    """
    connection.begin()
    try:
        write_database(connection, path, tables(connection, {}), views(connection, {}), None)
    except (OSError, duckdb.Error) as error:
        path.unlink(missing_ok=True)
        raise PublishFailed(f"{path} could not be written: {error}.") from error


def switch(home: Path, version: Version, keep: int) -> Version:
    """Make a version written aside the current one; raises PublishFailed."""
    return make_current(home, version, keep)


def _write(
    connection: duckdb.DuckDBPyConnection, aside: Aside, found: _Found, entry: dict[str, Any]
) -> Version:
    folder, database, former = aside.folder, aside.database, found.former
    base = aside.lay(found.tables)
    pages = page_sums(database) if base else None
    with connection.cursor() as cursor:
        # The marts stay as they are until this is over; what is committed meanwhile is not of them.
        parquet = aside.beside.submit(_write_parquet, cursor, folder, found.tables, former)
        whole_bytes = write_database(connection, database, found.tables, found.views, base)
        blocks = aside.beside.submit(_sums_of_database, database, base, pages)
        for name, page in found.words.pages.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(page, encoding="utf-8")
        verify_database(database, found.tables, changes(found.tables, base))
        written = parquet.result()
    manifest = {
        "version_id": aside.version_id,
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **entry,
        "storage_version": STORAGE_VERSION,
        "whole_bytes": whole_bytes,
        "tables": {table.full_name: table.content for table in found.tables},
        "columns": {
            table.full_name: [list(c) for c in table.columns.items()] for table in found.tables
        },
        "parts": {table.full_name: dict(table.parts) for table in found.tables},
        "parted_by": {table.full_name: table.parted_by for table in found.tables},
        "views": {view.full_name: view.query for view in found.views},
        "sha256": _sums(folder, written, former),
        "sha256_of_blocks": {"block_bytes": BLOCK_BYTES, DATABASE: blocks.result()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    new = (*written, *(folder / name for name in found.words.pages), database, folder / MANIFEST)
    return Version(aside.version_id, folder, manifest["tables"], manifest, new)


def _write_parquet(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    found: tuple[Table, ...],
    former: Version | None,
) -> tuple[Path, ...]:
    written = write_parquet(connection, folder, found, former)
    verify_parquet(folder, found, written)
    return written


def _sums_of_database(database: Path, base: Version | None, pages: Pages | None) -> list[str]:
    told = base.manifest.get("sha256_of_blocks", {}) if base else {}
    known = told.get(DATABASE, ()) if told.get("block_bytes") == BLOCK_BYTES else ()
    return sums_of_blocks(database, pages, known)


def _sums(folder: Path, written: tuple[Path, ...], former: Version | None) -> dict[str, str]:
    """The sha256 of each file but the database; of linked ones as the version before knew it."""
    known = former.manifest["sha256"] if former else {}
    sums = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name != DATABASE:
            linked = path not in written and path.suffix == ".parquet" and name in known
            sums[name] = known[name] if linked else _sha256(path)
    return sums


def _ledger_facts(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """As of when the version is, and which loads it is made of, by the pinned horizon."""
    rows = connection.execute(
        "select u.dataset, count(distinct u.load_id), max(u.load_id), "
        "list(distinct u.load_id order by u.load_id) from ledger.units as u join ("
        "select unit_id from ledger.decisions where unit_id is not null "
        "and decision_no <= (select horizon from ledger.pin) group by unit_id "
        "having arg_max(decision, decision_no) = 'accepted') using (unit_id) group by 1 order by 1"
    ).fetchall()
    moment = connection.execute(
        "select max(decided_at) from ledger.decisions "
        "where decision_no <= (select horizon from ledger.pin)"
    ).fetchone()
    as_of = moment[0] if moment else None
    return {
        "as_of": as_of.astimezone(UTC).isoformat(timespec="seconds") if as_of else None,
        "sources": {
            dataset: {
                "load_count": count,
                "newest_load": newest,
                **({"loads": loads} if count <= _MOST_LOADS else {"see": "ops.decisions"}),
            }
            for dataset, count, newest, loads in rows
        },
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
