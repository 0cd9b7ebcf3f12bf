"""Keeps the publisher's bytes under their sha256, for the datasets whose contract allows it.

What is read is a copy that no longer changes: a file that grows while it is read is noticed
here. Where the contract keeps nothing, the copy is removed once the load is landed.
"""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.contract import Contract
from ingest.errors import HostileInput, SourceMissing, SourceRefused, StorageFailed

_CHUNK = 4 * 1024**2


@dataclass(frozen=True)
class Fetched:
    """One fetched source: where its bytes lie, what they hash to, and where they came from."""

    path: Path
    origin: str  # the file's name, never its directory
    sha256: str
    bytes: int


def fetch(contract: Contract, origin: str, archive: Path, *, owned: bool = False) -> Fetched:
    """Copy a local file into the archive, or take it there when it is ``owned`` by the caller.

    Raises SourceMissing, SourceRefused, StorageFailed.
    """
    if owned:
        return _take(contract, Path(origin), archive)
    path = _local(contract, origin)
    digest, size = hashlib.sha256(), 0
    try:
        target = archive / contract.dataset
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = target / f".{uuid.uuid4().hex}.part"
        with (
            path.open("rb") as source,
            aside.open("xb") as copy,
            ThreadPoolExecutor(1) as hasher,
        ):
            aside.chmod(0o600)
            before = os.fstat(source.fileno())
            while chunk := source.read(_CHUNK):
                hashing = hasher.submit(digest.update, chunk)
                size += len(chunk)
                if size > contract.limits.max_file_bytes:
                    raise HostileInput(
                        f"{contract.dataset}: {path.name} is larger than "
                        f"{contract.limits.max_file_bytes} bytes (limits.max_file_bytes)."
                    )
                copy.write(chunk)
                hashing.result()
            after = os.fstat(source.fileno())
    except (SourceRefused, OSError) as error:
        _forget(locals().get("aside"))
        if isinstance(error, SourceRefused):
            raise
        raise _storage_failed(contract, path, archive, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        aside.unlink()
        raise SourceRefused(
            f"{contract.dataset}: {path.name} changed while it was read. "
            "Wait until its writer is done and run again."
        )
    kept = target / f"{digest.hexdigest()}{_own(contract)}"
    aside.replace(kept)
    return Fetched(kept, path.name, digest.hexdigest(), size)


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


@contextmanager
def flushing(fetched: Fetched) -> Iterator[None]:
    """Flush the archived bytes beside the work of the body, so that no commit pays for it."""
    with ThreadPoolExecutor(1) as pool:
        flushed = pool.submit(_flush, fetched.path)
        yield
        flushed.result()


def release(contract: Contract, fetched: Fetched) -> None:
    """Drop the bytes of a source whose contract keeps none."""
    if not contract.keep_archive_days:
        fetched.path.unlink(missing_ok=True)


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


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _forget(aside: object) -> None:
    if isinstance(aside, Path):
        aside.unlink(missing_ok=True)
