"""Landing: immutable Parquet segments with a manifest, written aside and then renamed.

A directory ``landing/<dataset>/<load_id>`` exists only when everything in it is written and
flushed to the disk. Work in progress lies in ``landing/.work/<load_id>`` beside a note of the
process that writes it, so that only leftovers of a dead writer are ever cleaned.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.errors import (
    LandingDamaged,
    StorageFailed,
)
from ingest.steps import reached

EXACTLY = "="  # before a value of a scope that is no prefix
_LONG_SCOPE = 200  # characters
_BEGUN, _JUDGED = ".begun-", ".judged"
MANIFEST, VERDICT, WRITER = "manifest.json", "verdict.json", "writer.json"
QUARANTINE, UNITS = "quarantine.parquet", "units.parquet"
STATS = "stats"  # <STATS>-<who measured>-<number of the segment>.parquet
_LOOK_BACK = 5  # loads whose segments may be used again
_FLUSHES = 16  # at once: the disk does them together
NO_UNITS = pa.table(
    {
        "slice": pa.array([], pa.string()),
        "row_count": pa.array([], pa.int64()),
        "fingerprint": pa.array([], pa.string()),
        "constants": pa.array([], pa.string()),
    }
)


@dataclass(frozen=True)
class Manifest:
    """What a landed load is; counts are rows."""

    load_id: str
    dataset: str
    contract_identity: str
    origin: str
    source_sha256: str
    source_bytes: int
    rows_read: int
    rows_landed: int
    rows_quarantined: int
    rows_duplicate: int
    segments: tuple[str, ...]
    drift: tuple[str, ...]
    landed_at: str
    replay_of: str | None = None
    quarantine_fingerprint: str = ""  # names the content of the refused rows; empty when none
    # Column -> what it was cut to: prefixes, and whole values where EXACTLY stands before them.
    scope: dict[str, list[str]] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    # Segment -> key of the run that it holds, its rows, digest of the segment.
    runs: dict[str, list[Any]] = field(default_factory=dict)
    # What the load holds of a topic (ingest.streams.positions.StreamPart); empty for files.
    stream: dict[str, Any] = field(default_factory=dict)

    @property
    def scope_text(self) -> str:
        """The scope in one canonical text, short where it is long; empty for a whole slice."""
        if not self.scope:
            return ""
        text = json.dumps(self.scope, sort_keys=True)
        if len(text) <= _LONG_SCOPE:
            return text
        counts = ", ".join(f"{len(of)} of {name}" for name, of in sorted(self.scope.items()))
        return f"{counts}: {hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Landed:
    """A landed load and its directory."""

    manifest: Manifest
    folder: Path

    @property
    def segments(self) -> tuple[Path, ...]:
        """The Parquet segments, in source order."""
        return tuple(self.folder / name for name in self.manifest.segments)

    @property
    def quarantine(self) -> Path:
        """The Parquet file of refused rows; it always exists."""
        return self.folder / QUARANTINE

    @property
    def units(self) -> Path:
        """Parquet per slice: ``slice`` and ``constants`` (JSON), ``row_count``, ``fingerprint``."""
        return self.folder / UNITS


class Workplace:
    """Where one load is written aside; ``publish`` makes it a landed load."""

    def __init__(self, landing: Path, dataset: str) -> None:
        self.load_id = new_load_id()
        self.dataset = dataset
        self.landing = landing
        self.folder = landing / ".work" / self.load_id
        writer = _writer()
        # Until its note is written the directory's name tells the writer: it may die any time.
        begun = self.folder.with_name(f"{self.load_id}{_BEGUN}{_named(writer)}")
        try:
            begun.mkdir(parents=True)
            reached("ingest.begun")
            _write(begun / WRITER, json.dumps(writer))
            begun.rename(self.folder)
        except OSError as error:
            shutil.rmtree(begun, ignore_errors=True)
            raise storage_failed(dataset, self.load_id, error) from error

    def publish(self, manifest: Manifest) -> Landed:
        """Write the manifest, flush everything and rename the directory into its place."""
        target = self.landing / self.dataset / self.load_id
        try:
            _write(self.folder / MANIFEST, json.dumps(asdict(manifest), indent=1))
            with ThreadPoolExecutor(_FLUSHES) as pool:
                list(pool.map(flush, self.folder.iterdir()))
            flush(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.folder.rename(target)
            flush(target.parent)
        except OSError as error:
            raise storage_failed(self.dataset, self.load_id, error) from error
        return Landed(manifest, target)

    def empty(self) -> None:
        """Remove what was written of segments so far; the note of the writer stays."""
        for path in self.folder.glob("*.parquet"):
            path.unlink()

    def discard(self) -> None:
        """Remove what was written aside."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read_landed(folder: Path) -> Landed:
    """A landed load from its directory; raises LandingDamaged when files are missing."""
    try:
        entry = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest(
            **{**entry, "segments": tuple(entry["segments"]), "drift": tuple(entry["drift"])}
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LandingDamaged(f"{folder.name}: its manifest cannot be read: {error}.") from error
    landed = Landed(manifest, folder)
    for path in (*landed.segments, landed.quarantine, landed.units):
        if not path.is_file():
            raise LandingDamaged(
                f"{manifest.dataset} load {manifest.load_id}: {path.name} is gone."
            )
    return landed


def landed_loads(landing: Path, known: Container[str] = ()) -> Iterator[Landed]:
    """Landed loads, oldest first, without those whose names are ``known``."""
    folders = (f for f in landing.glob("[!.]*/*") if f.name not in known and f.is_dir())
    for folder in sorted(folders, key=lambda f: f.name):
        try:
            yield read_landed(folder)
        except LandingDamaged:
            if folder.is_dir():  # else its writer gave it up meanwhile
                raise


@dataclass(frozen=True)
class Known:
    """A segment of an earlier load that holds all rows of a run of records, none refused."""

    path: Path
    rows: int
    digest: str

    @property
    def companions(self) -> tuple[Path, ...]:
        """What was measured of the segment, by whatever version measured it."""
        number = self.path.stem.removeprefix("segment-")
        return tuple(self.path.parent.glob(f"{STATS}-*-{number}.parquet"))


def known_runs(landing: Path, dataset: str, contract_identity: str) -> dict[str, Known]:
    """By key the runs of the newest loads under the same contract, whole as they were read."""
    known: dict[str, Known] = {}
    folders = sorted((landing / dataset).glob("*"), key=lambda folder: folder.name)
    for folder in folders[-_LOOK_BACK:]:
        with suppress(LandingDamaged):
            m = read_landed(folder).manifest
            if m.contract_identity == contract_identity and not m.rows_duplicate:
                known |= {key: Known(folder / name, *of) for name, (key, *of) in m.runs.items()}
    return known


def check_segments(landed: Landed) -> None:
    """Compare the segments with the manifest; raises LandingDamaged."""
    m = landed.manifest
    try:
        found = sum(pq.read_metadata(path).num_rows for path in landed.segments)
    except (pa.ArrowInvalid, OSError) as error:
        raise LandingDamaged(
            f"{m.dataset} load {m.load_id}: a segment cannot be read: {error}. Ingest it again."
        ) from error
    if found != m.rows_landed:
        raise LandingDamaged(
            f"{m.dataset} load {m.load_id}: its segments hold {found} rows, its manifest says "
            f"{m.rows_landed}. Ingest it again."
        )


def write_verdict(landed: Landed, verdict: dict[str, Any]) -> None:
    """Keep the gate's answer beside the manifest, so that the warehouse can be rebuilt."""
    _write(landed.folder / VERDICT, json.dumps(verdict, indent=1))
    (landed.folder / WRITER).unlink(missing_ok=True)
    with suppress(OSError):  # only spares somebody a look
        (landed.folder.parents[1] / _JUDGED).touch()


def judged_at(home: Path) -> int:
    """When a load was judged last, nanoseconds since 1970; 0 where that is not known."""
    with suppress(OSError):
        return (home / "landing" / _JUDGED).stat().st_mtime_ns
    return 0


def is_abandoned(landed: Landed) -> bool:
    """True when the load was never judged and its writer is proven dead."""
    unjudged = not (landed.folder / VERDICT).is_file()
    return unjudged and not writer_lives(landed.folder / WRITER)


def read_verdict(landed: Landed) -> dict[str, Any] | None:
    """The gate's answer, or None while the load is not judged."""
    path = landed.folder / VERDICT
    if not path.is_file():
        return None
    verdict: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return verdict


def remove(landed: Landed) -> None:
    """Take a landed load away in one step, then delete it."""
    grave = landed.folder.parents[1] / ".work" / f"{landed.folder.name}.gone"
    grave.parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        landed.folder.rename(grave)
    shutil.rmtree(grave, ignore_errors=True)


def refusals(landed: Landed) -> str:
    """The commonest reason of refusal in words, with the first row that has it; empty if none."""
    table = pq.read_table(landed.quarantine, columns=["rule", "column", "row", "value"])
    if not table.num_rows:
        return ""
    counted = table.group_by(["rule", "column"]).aggregate([("row", "count"), ("row", "min")])
    top = counted.sort_by([("row_count", "descending"), ("row_min", "ascending")]).to_pylist()[0]
    first = table.filter(pc.equal(table["row"], top["row_min"])).to_pylist()[0]
    where = f"column {top['column']}" if top["column"] else "the line"
    return (
        f"rule {top['rule']}, {where} in {top['row_count']} rows "
        f"(first: row {first['row']}, {first['value']!r})"
    )


def clean(landing: Path) -> int:
    """Remove work in progress whose writer is proven dead; returns how many were removed."""
    removed = 0
    for folder in (landing / ".work").glob("*"):
        if folder.name.endswith(".gone") or not _is_worked_on(folder):
            reached("clean.before_remove")
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _is_worked_on(folder: Path) -> bool:
    _, begun, named = folder.name.partition(_BEGUN)
    if not begun:
        return writer_lives(folder / WRITER)
    with suppress(ValueError):
        pid, started, host = named.split("-", 2)
        return host != os.uname().nodename or _runs(int(pid), float(started))
    return writer_lives(folder / WRITER)


def _named(writer: dict[str, Any]) -> str:
    return f"{writer['pid']}-{writer['started']}-{writer['host']}"


def writer_lives(note: Path) -> bool:
    """True unless the note's process is proven dead (other host, or note missing: not proven)."""
    try:
        writer = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Between mkdir and the note a writer may still live; after a day it surely does not.
        age = (
            datetime.now(UTC).timestamp() - note.parent.stat().st_mtime
            if note.parent.exists()
            else 0
        )
        return age < 86_400
    if writer["host"] != os.uname().nodename:
        return True
    if abs(writer["boot"] - psutil.boot_time()) > 120:  # the machine was started anew
        return False
    return _runs(writer["pid"], writer["started"])


def _runs(pid: int, started: float) -> bool:
    try:
        return bool(abs(psutil.Process(pid).create_time() - started) < 1)
    except psutil.NoSuchProcess:
        return False


def new_load_id() -> str:
    """A load's name: when it began (UTC, microseconds) and a random end; sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"


def now() -> str:
    """The time now as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def sealed(
    manifest: Manifest,
    duplicates: int,
    quarantine_fingerprint: str,
    profile: dict[str, Any],
    scope: dict[str, list[str]],
) -> Manifest:
    """The manifest after repeats were taken out of the landed rows."""
    return replace(
        manifest,
        rows_landed=manifest.rows_landed - duplicates,
        rows_duplicate=duplicates,
        quarantine_fingerprint=quarantine_fingerprint,
        profile=profile,
        scope=scope,
    )


def _writer() -> dict[str, Any]:
    process = psutil.Process()
    return {
        "host": os.uname().nodename,
        "boot": psutil.boot_time(),
        "pid": process.pid,
        "started": process.create_time(),
    }


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    aside.write_text(text, encoding="utf-8")
    flush(aside)
    aside.replace(path)


def flush(path: Path) -> None:
    """Bring a file or directory to the disk; what is there already takes a millisecond or two."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_failed(dataset: str, load_id: str, error: OSError) -> StorageFailed:
    """The error of a landing that cannot be written."""
    return StorageFailed(
        f"{dataset} load {load_id}: the landing cannot be written: {error.strerror or error}. "
        "Nothing was landed. Make space or mend the permission, then run again."
    )
