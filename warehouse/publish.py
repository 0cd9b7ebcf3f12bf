"""Publishes whole versions: a directory written aside, verified, flushed, then one link switched.

``published/versions/<id>/`` holds ``dvina.duckdb``, ``parquet/<mart>/`` and ``manifest.json``;
``published/current`` is a link to it that is replaced in one step, and ``current.duckdb`` points
through it, so the catalogue is called ``dvina`` at every version. A reader sees a whole version
or the one before, never a part.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.steps import reached
from warehouse.database import literal, quote
from warehouse.errors import PublishFailed

DATABASE, MANIFEST, ROLLED_BACK = "dvina.duckdb", "manifest.json", "rolled_back.json"
STORAGE_VERSION = "v1.2.0"  # BI drivers built on DuckDB 1.2 can open it
MARTS, OPS = "marts", "ops"
OPS_TABLES: Mapping[str, str] = {
    "loads": "select * exclude (committed_at) from ledger.loads",
    "decisions": "select * from ledger.decisions",
    "checks": "select * from ledger.checks",
    "quarantine_counts": (
        'select dataset, load_id, rule, "column", count(*) as row_count '
        "from quarantine.rows group by all"
    ),
}


@dataclass(frozen=True)
class Version:
    """A version written aside or published; ``tables`` maps schema.table to content."""

    version_id: str
    folder: Path
    tables: Mapping[str, str]

    @property
    def database(self) -> Path:
        """The version's DuckDB file."""
        return self.folder / DATABASE


def write_aside(
    connection: duckdb.DuckDBPyConnection, home: Path, facts: Mapping[str, Any]
) -> Version | None:
    """Write the built marts and the ledger as a new version; None when nothing changed.

    Raises PublishFailed when there are no marts or the disk refuses. ``facts`` go into the
    manifest (horizon, licences).
    """
    tables = _contents(connection)
    if not any(name.startswith(f"{MARTS}.") for name in tables):
        raise PublishFailed("There are no marts to publish. Run 'dvina build' first.")
    present = current(home)
    if present is not None and dict(present.tables) == tables:
        return None
    if _rolled_back(home) == tables:
        return None
    version_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}"
    folder = home / "published" / "versions" / f".{version_id}.part"
    try:
        folder.mkdir(parents=True)
        _write_database(connection, folder / DATABASE, tables)
        _write_parquet(connection, folder / "parquet", tables)
        _write_manifest(folder, version_id, tables, facts)
    except (OSError, duckdb.Error) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise PublishFailed(
            f"A version could not be written: {error}. Readers keep the former one. "
            "Make space or mend the permission, then run 'dvina publish'."
        ) from error
    return Version(version_id, folder, tables)


def switch(home: Path, version: Version, keep: int) -> Version:
    """Verify a version written aside and make it the current one; raises PublishFailed."""
    _verify(version)
    final = version.folder.with_name(version.version_id)
    for path in (*version.folder.rglob("*"), version.folder):
        _flush(path)
    version.folder.rename(final)
    reached("publish.before_switch")
    published = home / "published"
    _point(published / "current.duckdb", Path("current") / DATABASE)
    _point(published / "current", Path("versions") / version.version_id)
    _flush(published)
    reached("publish.after_switch")
    _retire(home, keep)
    return Version(version.version_id, final, version.tables)


def discard(version: Version) -> None:
    """Remove a version that was written aside and may not be published."""
    shutil.rmtree(version.folder, ignore_errors=True)


def current(home: Path) -> Version | None:
    """The published version, or None before the first."""
    folder = home / "published" / "current"
    if not (folder / MANIFEST).is_file():
        return None
    entry = json.loads((folder / MANIFEST).read_text("utf-8"))
    return Version(entry["version_id"], folder.resolve(), entry["tables"])


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
    aside.write_text(json.dumps(dict(present.tables)), encoding="utf-8")
    aside.replace(home / "published" / ROLLED_BACK)
    _point(home / "published" / "current", Path("versions") / older[-1])
    restored = current(home)
    assert restored is not None
    return restored


def clean(home: Path) -> None:
    """Remove versions that a killed publish left behind; hold the writer's lock."""
    versions = home / "published" / "versions"
    present = current(home)
    newest = present.version_id if present else ""
    never_current = [folder for folder in versions.glob("[!.]*") if folder.name > newest]
    for folder in (*versions.glob(".*.part"), *never_current):
        shutil.rmtree(folder, ignore_errors=True)


def _contents(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Each table to publish with the fingerprint of its rows."""
    names = connection.execute(
        "select table_name from duckdb_tables() where schema_name = ? order by 1", [MARTS]
    ).fetchall()
    sources = {f"{MARTS}.{name}": f"from {MARTS}.{quote(name)}" for (name,) in names}
    sources |= {f"{OPS}.{name}": f"from ({sql})" for name, sql in OPS_TABLES.items()}
    contents = {}
    for name, source in sources.items():
        row = connection.execute(
            f"select concat(count(*), ':', sum(hash(t))) from (select t {source} as t)"
        ).fetchone()
        contents[name] = str(row[0]) if row else ""
    return contents


def _write_database(
    connection: duckdb.DuckDBPyConnection, path: Path, tables: Mapping[str, str]
) -> None:
    connection.execute(
        f"attach {literal(str(path))} as aside (storage_version {literal(STORAGE_VERSION)})"
    )
    try:
        for schema in (MARTS, OPS):
            connection.execute(f"create schema aside.{schema}")
        for name in tables:
            schema, table = name.split(".")
            query = OPS_TABLES[table] if schema == OPS else f"from {MARTS}.{quote(table)}"
            connection.execute(f"create table aside.{schema}.{quote(table)} as {query}")
            _copy_comments(connection, schema, table)
            reached("publish.mid_write")
        connection.execute("checkpoint aside")
    finally:
        connection.execute("detach aside")


def _copy_comments(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    comments = connection.execute(
        "select column_name, comment from duckdb_columns() where database_name <> 'aside' "
        "and schema_name = ? and table_name = ? and comment is not null",
        [schema, table],
    ).fetchall()
    for column, comment in comments:
        connection.execute(
            f"comment on column aside.{schema}.{quote(table)}.{quote(column)} is {literal(comment)}"
        )


def _write_parquet(
    connection: duckdb.DuckDBPyConnection, folder: Path, tables: Mapping[str, str]
) -> None:
    for name in tables:
        schema, table = name.split(".")
        if schema == MARTS:
            (folder / table).mkdir(parents=True)
            target = literal(str(folder / table / f"{table}.parquet"))
            connection.execute(f"copy {MARTS}.{quote(table)} to {target} (format parquet)")


def _write_manifest(
    folder: Path, version_id: str, tables: Mapping[str, str], facts: Mapping[str, Any]
) -> None:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    entry = {
        "version_id": version_id,
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        "tables": dict(tables),
        "sha256": {str(path.relative_to(folder)): _sha256(path) for path in files},
    }
    (folder / MANIFEST).write_text(json.dumps(entry, indent=1), encoding="utf-8")


def _rolled_back(home: Path) -> dict[str, str] | None:
    try:
        tables: dict[str, str] = json.loads((home / "published" / ROLLED_BACK).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return tables


def _verify(version: Version) -> None:
    """Read the version back as a reader would and compare the numbers of rows."""
    with duckdb.connect(version.database, read_only=True) as reader:
        for name, content in version.tables.items():
            row = reader.execute(f"select count(*) from {name}").fetchone()
            if row is None or str(row[0]) != content.split(":")[0]:
                raise PublishFailed(
                    f"{name} was not written whole; readers keep the former version."
                )


def _point(link: Path, target: Path) -> None:
    aside = link.with_name(f".{link.name}.{secrets.token_hex(3)}")
    aside.symlink_to(target)
    aside.replace(link)


def _retire(home: Path, keep: int) -> None:
    folders = sorted((home / "published" / "versions").glob("[!.]*"))
    present = (home / "published" / "current").resolve()
    for folder in folders[:-keep]:
        if folder.resolve() != present:
            shutil.rmtree(folder, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
