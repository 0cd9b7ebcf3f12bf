"""The published versions on the disk, and the one link that says which of them is current.

``published/versions/<id>/`` holds ``dvina.duckdb``, ``parquet/<mart>/``, ``dictionary/`` and
``manifest.json``; ``published/current`` is a link to it that is replaced in one step, and
``current.duckdb`` points through it, so the catalogue is called ``dvina`` at every version.
"""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.steps import reached
from warehouse.errors import PublishFailed

DATABASE, MANIFEST, ROLLED_BACK = "dvina.duckdb", "manifest.json", "rolled_back.json"
SPARE = ".spare"  # ends the name of what is left of the version that was retired last
_READ_ONLY = 0o444  # files are shared between versions by hard links


@dataclass(frozen=True)
class Version:
    """A version written aside or published.

    ``tables`` maps schema.table to ``rows:digest`` of all that it is; ``written`` names the files
    that this version does not share with the one before.
    """

    version_id: str
    folder: Path
    tables: Mapping[str, str]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    written: tuple[Path, ...] = ()

    @property
    def database(self) -> Path:
        """The version's DuckDB file."""
        return self.folder / DATABASE


def current(home: Path) -> Version | None:
    """The published version, or None before the first."""
    folder = (home / "published" / "current").resolve()
    return read_version(folder) if (folder / MANIFEST).is_file() else None


def read_version(folder: Path) -> Version:
    """The version that lies in a folder; raises OSError, ValueError."""
    entry = json.loads((folder / MANIFEST).read_text("utf-8"))
    return Version(entry["version_id"], folder, entry["tables"], entry)


def part_of(home: Path, version_id: str) -> Path:
    """Where a version of that name is written aside."""
    return home / "published" / "versions" / f".{version_id}.part"


def make_current(home: Path, version: Version, keep: int) -> Version:
    """Flush a version written aside, and switch the link to it; retires all but ``keep``."""
    folders = [path for path in version.folder.rglob("*") if path.is_dir()]
    for path in version.written:
        path.chmod(_READ_ONLY)
    for path in (*version.written, *folders, version.folder):
        flush(path)
    final = version.folder.with_name(version.version_id)
    version.folder.rename(final)
    flush(final.parent)
    reached("publish.before_switch")
    published = home / "published"
    _point(published / "current.duckdb", Path("current") / DATABASE)
    _point(published / "current", Path("versions") / version.version_id)
    flush(published)
    reached("publish.after_switch")
    _retire(home, keep)
    return Version(version.version_id, final, version.tables, version.manifest)


def discard(version: Version) -> None:
    """Remove a version that was written aside and may not be published."""
    shutil.rmtree(version.folder, ignore_errors=True)


def roll_back(home: Path) -> Version:
    """Make the version before the current one current again; raises PublishFailed."""
    present = current(home)
    older = sorted(
        folder.name
        for folder in (home / "published" / "versions").glob("[!.]*")
        if present is not None and folder.name < present.version_id
    )
    if not older:
        raise PublishFailed("There is no older version to go back to.")
    assert present is not None
    # Until something changes, the next build must not bring the same version back.
    aside = home / "published" / f".{ROLLED_BACK}"
    aside.write_text(json.dumps(present.manifest.get("contents", {})), encoding="utf-8")
    aside.replace(home / "published" / ROLLED_BACK)
    _point(home / "published" / "current", Path("versions") / older[-1])
    restored = current(home)
    assert restored is not None
    return restored


def rolled_back(home: Path) -> dict[str, str] | None:
    """What was in the version that was rolled back from last, as its manifest says."""
    try:
        tables: dict[str, str] = json.loads((home / "published" / ROLLED_BACK).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return tables


def clean(home: Path) -> None:
    """Remove versions that a killed publish left behind; hold the writer's lock."""
    versions = home / "published" / "versions"
    present = current(home)
    newest = present.version_id if present else ""
    never_current = [folder for folder in versions.glob("[!.]*") if folder.name > newest]
    for folder in (*versions.glob(".*.part"), *never_current):
        shutil.rmtree(folder, ignore_errors=True)


def flush(path: Path) -> None:
    """Force a file or directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _point(link: Path, target: Path) -> None:
    aside = link.with_name(f".{link.name}.{secrets.token_hex(3)}")
    aside.symlink_to(target)
    aside.replace(link)


def _retire(home: Path, keep: int) -> None:
    """Remove all but the newest; of the last one removed the DuckDB file is kept as a spare."""
    versions = home / "published" / "versions"
    present = (home / "published" / "current").resolve()
    retired = [f for f in sorted(versions.glob("[!.]*"))[:-keep] if f.resolve() != present]
    for folder in (*versions.glob(f".*{SPARE}"), *retired[:-1]) if retired else ():
        shutil.rmtree(folder, ignore_errors=True)
    for folder in retired[-1:]:
        spare = folder.with_name(f".{folder.name}{SPARE}")
        with suppress(OSError):
            folder.rename(spare)  # nobody finds it by its name any more
        for path in spare.iterdir() if spare.is_dir() else ():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
