"""The DuckDB file of the version that was retired last: it is written on instead of a copy.

A retired file differs from what is to be published by a few parts, so nothing is copied that did
not change. Only a file that nobody has open is written on: the kernel leases no other for writing.
"""

import fcntl
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from warehouse.versions import SPARE, Version, read_version


def find(home: Path) -> Version | None:
    """The retired version whose file is kept, or None."""
    for folder in sorted((home / "published" / "versions").glob(f".*{SPARE}"), reverse=True):
        with suppress(OSError, ValueError, KeyError):
            version = read_version(folder)
            if version.database.is_file():
                return version
    return None


def take(version: Version, target: Path) -> bool:
    """Move its file to ``target`` to be written on; False where somebody has it open or linked."""
    try:
        if not _is_ours_alone(version.database):
            return False
        version.database.rename(target)
        target.chmod(0o644)
    except OSError:
        return False
    finally:
        shutil.rmtree(version.folder, ignore_errors=True)
    return True


def _is_ours_alone(path: Path) -> bool:
    if not hasattr(fcntl, "F_SETLEASE"):  # a system without leases: files are copied
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Whoever opens it in this moment waits, and we are told: by a signal that ends no process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return os.fstat(descriptor).st_nlink == 1
    except OSError:
        return False
    finally:
        os.close(descriptor)
