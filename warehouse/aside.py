"""Where a version is written aside, and what is done beside the writing.

Copying the former DuckDB file takes longer than changing it: a retired one is changed where there
is one, else the copy is begun early.
"""

import secrets
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from warehouse import spares
from warehouse.contents import Table, rows_of
from warehouse.snapshot import may_be_base, rows_to_write
from warehouse.versions import DATABASE, Version, current, flush, part_of

_ROWS_COPIED = 100  # so many are copied with a file in the time that one is written


class Aside:
    """The folder of a version that is being written, and a thread that works beside the writing.

    What is no version in the end is removed.
    """

    def __init__(self, home: Path) -> None:
        self.version_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}"
        self.folder = part_of(home, self.version_id)
        self.former = current(home)
        self.beside = ThreadPoolExecutor(2)
        self.is_version = False
        self._spare = _as_base(spares.find(home))
        self._copied: Future[Version | None] | None = None

    @property
    def database(self) -> Path:
        return self.folder / DATABASE

    def begin_copy(self) -> None:
        """Begin to copy the former DuckDB file, unless a retired one may do."""
        if self._spare is None and self._copied is None:
            self._copied = self.beside.submit(self._copy)

    def lay(self, tables: tuple[Table, ...]) -> Version | None:
        """Lay the DuckDB file that is to be changed: gives the version that it is of.

        None where all is to be written anew; raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        spare, self._spare = self._spare, None
        if spare and _is_near(tables, spare, self.former) and spares.take(spare, self.database):
            return spare
        self.begin_copy()
        assert self._copied
        return self._copied.result()

    def end(self) -> None:
        """Wait for what is at work, and leave nothing but a version."""
        self.beside.shutdown()
        if not self.is_version:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _copy(self) -> Version | None:
        base = _as_base(self.former)
        if base:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base.database, self.database)
            # The disk is kept busy while changes are written: fewer bytes are left to flush then.
            self.beside.submit(flush, self.database)
        return base


def _as_base(version: Version | None) -> Version | None:
    return version if version and may_be_base(version) else None


def _is_near(tables: tuple[Table, ...], spare: Version, former: Version | None) -> bool:
    """Changing the retired file costs less than copying the former one."""
    if _as_base(former) is None:
        return True
    assert former
    more = rows_to_write(tables, spare) - rows_to_write(tables, former)
    return more * _ROWS_COPIED <= sum(rows_of(table.parts) for table in tables)
