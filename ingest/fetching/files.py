"""Fetches one file of a publisher: resumed when cut, not fetched again when it did not change.

Each address has a directory of its own (named by the address's hash, 0700) that holds the file
(0600) and ``.fetched.json``: validators, size, sha256 and name. A download grows in ``.part``; when
it is whole it is flushed and renamed. What was cut goes on with ``Range`` and ``If-Range`` (RFC
9110, 13.1.5 and 14.2), in this run or a later one, and begins anew when the file changed meanwhile.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from filelock import FileLock, Timeout

from ingest.errors import HostileInput, StorageFailed
from ingest.fetching.errors import FetchFailed, TryAgain
from ingest.fetching.http import PoliteClient, Request, shown, status_words

Progress = Callable[[int, int | None], None]  # bytes that are here, bytes in all when known
STATE, PART, PART_STATE, LOCK = ".fetched.json", ".part", ".part.json", ".lock"
MAX_BYTES = 8 * 1024**3
LOCK_WAIT_S = 600
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_UNSAFE = re.compile(r"[^\w.()\[\] -]+")


@dataclass(frozen=True)
class Download:
    """A file that is here whole; ``modified`` is False when it is the one of the last time."""

    path: Path
    name: str
    sha256: str
    bytes: int
    modified: bool


@dataclass(frozen=True)
class Validators:
    """What tells a publisher which version of a file we have; empty where it gives none."""

    etag: str = ""
    last_modified: str = ""

    @property
    def for_range(self) -> str:
        """The one that may stand in If-Range: a weak ETag may not."""
        return self.last_modified if self.etag.startswith("W/") else self.etag or self.last_modified


@dataclass(frozen=True)
class Known:
    """The file as it was fetched the last time."""

    name: str
    sha256: str
    bytes: int
    validators: Validators


def download(
    client: PoliteClient,
    url: str,
    directory: Path,
    *,
    max_bytes: int = MAX_BYTES,
    progress: Progress | None = None,
) -> Download:
    """Bring the file at an address into ``directory``.

    Raises FetchFailed (its part stays and is gone on with the next time), HostileInput when it is
    larger than ``max_bytes``, StorageFailed.
    """
    folder = directory / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        with _locked(client.dataset, folder):
            known = _read_known(folder)
            transfer = _Transfer(client, folder, known, max_bytes, progress)
            try:
                name = client.ask(Request(url, transfer.headers), transfer.take)
            except HostileInput:
                transfer.drop()
                raise
            if name is None and known:
                return Download(folder / known.name, known.name, known.sha256, known.bytes, False)
            return _keep(folder, name or name_of(url), transfer.validators, known)
    except OSError as error:
        raise StorageFailed(
            f"{client.dataset}: {shown(url)} cannot be written to {folder}: {error.strerror}. "
            "Make space or mend the permission, then run again."
        ) from error


def name_of(url: str, disposition: str = "") -> str:
    """A safe file name from ``Content-Disposition`` (RFC 6266), else from the address's path."""
    message = Message()
    message["content-disposition"] = disposition or "attachment"
    given = message.get_filename() or unquote(urlsplit(url).path)
    base = re.split(r"[/\\]", given.rstrip("/\\"))[-1]
    return _UNSAFE.sub("_", base).lstrip(". ")[-80:] or "download"


class _Transfer:
    """One file on its way; it survives cut connections."""

    def __init__(
        self,
        client: PoliteClient,
        folder: Path,
        known: Known | None,
        max_bytes: int,
        progress: Progress | None,
    ) -> None:
        self._client, self._part, self._known = client, folder / PART, known
        self._note = folder / PART_STATE
        self._max_bytes, self._progress = max_bytes, progress or (lambda _done, _total: None)
        self.validators = self._noted()

    def headers(self) -> Mapping[str, str]:
        """Go on where the part ends, or ask for a file that is not the known one."""
        # Ranges and lengths are those of the bytes themselves, so nothing may be packed on the way.
        headers = {"accept-encoding": "identity"}
        here = self._here()
        if here and self.validators.for_range:
            return headers | {"range": f"bytes={here}-", "if-range": self.validators.for_range}
        if self._known and self._known.validators.etag:
            headers["if-none-match"] = self._known.validators.etag
        if self._known and self._known.validators.last_modified:
            headers["if-modified-since"] = self._known.validators.last_modified
        return headers

    def take(self, response: httpx.Response) -> str | None:
        """The file's name once its part is whole; None when the known file still stands."""
        match response.status_code:
            case 304 if self._known:
                return None
            case 200:
                self._begin(response)
                self._append(response, 0, _length(response))
            case 206:
                self._append(response, *self._continued(response))
            case 416:
                self.drop()
                raise TryAgain("the part that is here is no part of its file any more", 0)
            case _:
                raise FetchFailed(self._refused(response))
        return name_of(str(response.url), response.headers.get("content-disposition", ""))

    def drop(self) -> None:
        """Give up what is here of the file."""
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _begin(self, response: httpx.Response) -> None:
        self.drop()
        self.validators = _validators(response)
        _write_json(self._note, asdict(self.validators))

    def _continued(self, response: httpx.Response) -> tuple[int, int | None]:
        """Where the answer goes on, and the whole file's length; it must fit to the part."""
        where = _RANGE.fullmatch(response.headers.get("content-range", ""))
        etag = response.headers.get("etag", self.validators.etag)
        if not where or int(where[1]) != self._here() or etag != self.validators.etag:
            self.drop()
            raise TryAgain("it went on with another file or at another place", 0)
        return int(where[1]), None if where[2] == "*" else int(where[2])

    def _append(self, response: httpx.Response, here: int, total: int | None) -> None:
        self._check_size(response, total or 0)
        with open(self._part, "ab", opener=_private) as part:
            for piece in self._client.body(response, self._max_bytes):
                here += len(piece)
                self._check_size(response, here)
                part.write(piece)
                self._progress(here, total)
            part.flush()
            os.fsync(part.fileno())
        if total is not None and here != total:
            raise TryAgain(f"{here} of {total} bytes came")

    def _check_size(self, response: httpx.Response, size: int) -> None:
        if size > self._max_bytes:
            raise HostileInput(
                f"{self._client.dataset}: {shown(str(response.url))} is larger than "
                f"{self._max_bytes} bytes. Raise the bound if it may be so large."
            )

    def _refused(self, response: httpx.Response) -> str:
        return (
            f"{self._client.dataset}: {shown(str(response.url))} answered "
            f"{status_words(response)}. Check the address and whether it may be read by all."
        )

    def _noted(self) -> Validators:
        try:
            return Validators(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Validators()

    def _here(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0


def _keep(folder: Path, name: str, validators: Validators, known: Known | None) -> Download:
    """Make the whole part the address's file, and note what it is."""
    part = folder / PART
    with part.open("rb") as whole:
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
    size = part.stat().st_size
    if known and known.name != name:
        (folder / known.name).unlink(missing_ok=True)
    part.replace(folder / name)
    _write_json(folder / STATE, asdict(Known(name, digest, size, validators)))
    (folder / PART_STATE).unlink(missing_ok=True)
    changed = known is None or known.sha256 != digest
    return Download(folder / name, name, digest, size, changed)


def _read_known(folder: Path) -> Known | None:
    """What was fetched the last time, if it is still here."""
    try:
        entry = json.loads((folder / STATE).read_text(encoding="utf-8"))
        known = Known(**{**entry, "validators": Validators(**entry["validators"])})
        return known if (folder / known.name).stat().st_size == known.bytes else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _validators(response: httpx.Response) -> Validators:
    """Those of the file's own bytes: a packed answer cannot be gone on with."""
    if _is_packed(response):
        return Validators()
    headers = response.headers
    return Validators(headers.get("etag", ""), headers.get("last-modified", ""))


def _length(response: httpx.Response) -> int | None:
    length = str(response.headers.get("content-length", ""))
    return int(length) if length.isdecimal() and not _is_packed(response) else None


def _is_packed(response: httpx.Response) -> bool:
    """True when the publisher packed the file for the way in spite of our wish."""
    return str(response.headers.get("content-encoding", "identity")) != "identity"


@contextmanager
def _locked(dataset: str, folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with FileLock(folder / LOCK, timeout=LOCK_WAIT_S):
            yield
    except Timeout as error:
        raise FetchFailed(
            f"{dataset}: another process has been fetching the same file for {LOCK_WAIT_S} s. "
            "Run again when it is done."
        ) from error


def _write_json(path: Path, value: object) -> None:
    aside = path.with_name(f"{path.name}.new")
    with open(aside, "w", encoding="utf-8", opener=_private) as file:
        json.dump(value, file)
    aside.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
