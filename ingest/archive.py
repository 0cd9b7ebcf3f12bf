"""Keeps the publisher's bytes under their sha256, for the datasets whose contract allows it.

A file is copied, flushed and hashed while it is read, so the load does not wait for it; where the
contract keeps nothing it is only hashed. Size and time of change are looked at before and after
both: a file that changes meanwhile is noticed here.
"""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.contract import Contract
from ingest.errors import HostileInput, SourceMissing, SourceRefused, StorageFailed
from ingest.unbuffered import UnbufferedFile


@dataclass(frozen=True)
class Fetched:
    """One fetched source: where its bytes lie, what they hash to, and where they came from."""

    path: Path
    origin: str  # the file's name, never its directory
    sha256: str
    bytes: int

    def result(self) -> "Fetched":
        """Itself: it is here whole."""
        return self


class Fetching:
    """A source that is read from ``path`` while it is taken into the archive."""

    def __init__(self, path: Path, work: "Future[Fetched]", unchanged: Callable[[], None]) -> None:
        self.path, self.origin = path, path.name
        self._work, self._unchanged = work, unchanged

    def result(self) -> Fetched:
        """What was fetched, once it is here whole; ask when reading is over.

        Raises SourceRefused when the file changed, HostileInput, StorageFailed.
        """
        fetched = self._work.result()
        self._unchanged()
        return fetched


@contextmanager
def fetching(
    contract: Contract, origin: str, archive: Path, *, owned: bool = False
) -> Iterator[Fetching | Fetched]:
    """Take a source into the archive beside the body, which reads it; raises SourceMissing.

    An ``owned`` file is renamed into the archive at once. What the contract does not keep is gone
    afterwards.
    """
    if owned:
        taken = _take(contract, Path(origin), archive)
        try:
            yield taken
        finally:
            if not contract.keep_archive_days:
                taken.path.unlink(missing_ok=True)
        return
    path = _local(contract, origin)
    before = _state(contract, path, archive)

    def unchanged() -> None:
        if _state(contract, path, archive) != before:
            raise _changed(contract, path)

    work = _copy if contract.keep_archive_days else _hash
    with ThreadPoolExecutor(1, thread_name_prefix="dvina-archive") as pool:
        yield Fetching(path, pool.submit(work, contract, path, archive), unchanged)


def fetch(contract: Contract, origin: str, archive: Path) -> Fetched:
    """Copy a local file into the archive; raises SourceMissing, SourceRefused, StorageFailed."""
    return _copy(contract, _local(contract, origin), archive)


def _copy(contract: Contract, path: Path, archive: Path) -> Fetched:
    digest, size = hashlib.sha256(), 0
    try:
        target = archive / contract.dataset
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = target / f".{uuid.uuid4().hex}.part"
        with path.open("rb", buffering=0) as source, UnbufferedFile(aside) as copy:
            before = os.fstat(source.fileno())
            while count := copy.fill(source):
                size += count
                if size > contract.limits.max_file_bytes:
                    raise _too_large(contract, path)
                digest.update(copy.buffer[:count])
                copy.write(count)
            after = os.fstat(source.fileno())
            copy.flush()  # or the commit would pay for it
    except (SourceRefused, OSError) as error:
        _forget(locals().get("aside"))
        if isinstance(error, SourceRefused):
            raise
        raise _storage_failed(contract, path, archive, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        aside.unlink()
        raise _changed(contract, path)
    kept = target / f"{digest.hexdigest()}{_own(contract)}"
    aside.replace(kept)
    return Fetched(kept, path.name, digest.hexdigest(), size)


def _hash(contract: Contract, path: Path, archive: Path) -> Fetched:
    """Hash a file that is not kept; it is read where it lies."""
    try:
        with path.open("rb") as file:
            digest, size = hashlib.file_digest(file, "sha256"), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise _storage_failed(contract, path, archive, error) from error
    if size > contract.limits.max_file_bytes:
        raise _too_large(contract, path)
    return Fetched(path, path.name, digest.hexdigest(), size)


def _state(contract: Contract, path: Path, archive: Path) -> tuple[int, int]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
    except OSError as error:
        raise _storage_failed(contract, path, archive, error) from error
    return found.st_size, found.st_mtime_ns


def _changed(contract: Contract, path: Path) -> SourceRefused:
    return SourceRefused(
        f"{contract.dataset}: {path.name} changed while it was read. "
        "Wait until its writer is done and run again."
    )


def _too_large(contract: Contract, path: Path) -> HostileInput:
    return HostileInput(
        f"{contract.dataset}: {path.name} is larger than {contract.limits.max_file_bytes} bytes "
        "(limits.max_file_bytes)."
    )


def _take(contract: Contract, path: Path, archive: Path) -> Fetched:
    """Rename a file into the archive; nobody else may write to it."""
    try:
        with path.open("rb") as file:
            digest, size = hashlib.file_digest(file, "sha256"), os.fstat(file.fileno()).st_size
        target = archive / contract.dataset
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o600)
        kept = target / f"{digest.hexdigest()}{_own(contract)}"
        path.replace(kept)
    except OSError as error:
        raise _storage_failed(contract, path, archive, error) from error
    return Fetched(kept, path.name, digest.hexdigest(), size)


def _own(contract: Contract) -> str:
    """Bytes that are not kept are a load's alone: another may read the same bytes beside it."""
    return "" if contract.keep_archive_days else f".{uuid.uuid4().hex[:8]}"


def _storage_failed(contract: Contract, path: Path, archive: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{contract.dataset}: {path.name} cannot be copied to {archive}: {error.strerror}. "
        "Make space or mend the permission, then run again."
    )


def expire(archive: Path, contract: Contract, now: float | None = None) -> int:
    """Remove archived bytes older than the contract keeps them; returns how many files went.

    What is younger than a day stays in any case: a load may be reading it.
    """
    moment = now or time.time()
    gone = 0
    for path in (archive / contract.dataset).glob("*"):
        days = 1 if path.name.startswith(".") else max(contract.keep_archive_days, 1)
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < moment - days * 86_400:
                path.unlink()
                gone += 1
    return gone


def forget(archive: Path, dataset: str) -> bool:
    """Remove all archived bytes of a dataset; True when there were any."""
    folder = archive / dataset
    had = folder.is_dir()
    shutil.rmtree(folder, ignore_errors=True)
    return had


def _local(contract: Contract, origin: str) -> Path:
    if "://" in origin and not origin.startswith("file://"):
        raise SourceMissing(
            f"{contract.dataset}: {origin} is no file and no address that begins with http. "
            "Download it and give the file."
        )
    path = Path(origin.removeprefix("file://"))
    if path.is_symlink():
        raise HostileInput(
            f"{contract.dataset}: {path} is a symbolic link. Give the file it points to."
        )
    if not path.exists():
        raise SourceMissing(
            f"{contract.dataset}: {path} does not exist. Check the path given to --from."
        )
    if not path.is_file():
        raise SourceMissing(f"{contract.dataset}: {path} is not a regular file.")
    return path


def _forget(aside: object) -> None:
    if isinstance(aside, Path):
        aside.unlink(missing_ok=True)
