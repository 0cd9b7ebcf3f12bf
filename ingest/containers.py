"""Opens a fetched file as a stream of bytes: plain, gzip, or a zip or 7z with one file in it.

Nothing is ever unpacked to the disk, so a path inside an archive can do nothing. Bounds on size
and ratio hold while reading, not by what the archive says of itself. An archive inside an archive
is refused.
"""

import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.contract import Limits
from ingest.errors import HostileInput, SourceMissing, SourceRefused

_GZIP, _ZIP, _SEVENZIP = b"\x1f\x8b", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c"
MAX_MEMBERS = 200_000
_RATIO_FLOOR = 64 * 1024**2  # small files may compress as well as they like


def open_bytes(path: Path, limits: Limits, name: str = "", member: str = "") -> io.BufferedIOBase:
    """The decompressed bytes of a file within the limits; raises SourceMissing, SourceRefused.

    ``name`` is what messages call the file; by default its name at ``path``. ``member`` is a regex
    that names the one file to read of a zip with several.
    """
    name = name or path.name
    try:
        plain = path.open("rb")
    except FileNotFoundError as error:
        raise SourceMissing(f"{path} does not exist. Check the path given to --from.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise SourceMissing(f"{path} cannot be read: {error.strerror}.") from error
    magic = plain.read(6)
    plain.seek(0)
    packed = path.stat().st_size
    if magic.startswith(_GZIP):
        inner: io.BufferedIOBase = gzip.GzipFile(fileobj=plain)
    elif magic.startswith(_ZIP):
        inner = _only_member(plain, name, member)
    elif magic.startswith(_SEVENZIP):
        from ingest import sevenzip  # it brings a dozen codecs along

        inner = sevenzip.open_only_member(plain, name)
    else:
        return _Bounded(plain, name, limits.max_file_bytes, None)
    bounded = _Bounded(inner, name, limits.max_file_bytes, packed * limits.max_ratio)
    head = bounded.peek_magic()
    if head.startswith((_GZIP, _ZIP, _SEVENZIP)):
        raise HostileInput(f"{name} holds an archive inside an archive; unpack it first.")
    return bounded


def open_members(
    path: Path, limits: Limits, name: str = ""
) -> Iterator[tuple[str, io.BufferedIOBase]]:
    """The files in a zip, one after the other, each with its name; any other file is one alone.

    A stream must be read before the next is asked for. Bounds hold for all of them together. The
    name is empty for a file that is no zip. Raises SourceMissing and SourceRefused as `open_bytes`.
    """
    name = name or path.name
    if not is_zip(path):
        yield "", open_bytes(path, limits, name)
        return
    given, swell = 0, max(path.stat().st_size * limits.max_ratio, _RATIO_FLOOR)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > MAX_MEMBERS:
                raise HostileInput(f"{name} holds {len(members)} files, more than {MAX_MEMBERS}.")
            for member in members:
                told = f"{name}: {member.filename[:200]!r}"
                if member.flag_bits & 1:
                    raise SourceRefused(f"{told} is encrypted.")
                with archive.open(member) as inner:
                    stream = _Bounded(inner, told, limits.max_file_bytes, swell, given)
                    if stream.peek_magic().startswith((_GZIP, _ZIP, _SEVENZIP)):
                        raise HostileInput(f"{told} is an archive inside an archive; unpack it.")
                    yield member.filename, stream
                    given = stream.given
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceRefused(f"{name} is a damaged zip archive: {error}.") from error


def is_zip(path: Path) -> bool:
    """True for a file that begins as a zip does; raises SourceMissing."""
    try:
        with path.open("rb") as plain:
            return plain.read(4) == _ZIP
    except OSError as error:
        raise SourceMissing(f"{path} cannot be read: {error.strerror}.") from error


def _only_member(plain: io.BufferedReader, name: str, wanted: str) -> io.BufferedIOBase:
    try:
        archive = zipfile.ZipFile(plain)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if "xl/workbook.xml" in archive.NameToInfo:
            raise SourceRefused(f"{name} is a workbook (xlsx), not text.")
        if wanted and len(members) > 1:
            members = [member for member in members if re.search(wanted, member.filename)]
        if len(members) != 1:
            raise SourceRefused(
                f"{name} holds {len(members)} files{' to read' if wanted else ''} where one is "
                "expected."
            )
        if members[0].flag_bits & 1:
            raise SourceRefused(f"{name} is encrypted.")
        return archive.open(members[0])  # type: ignore[return-value]
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise SourceRefused(f"{name} is a damaged zip archive: {error}.") from error


class _Bounded(io.BufferedIOBase):
    """A stream that stops with HostileInput when it gives more bytes than it may."""

    def __init__(
        self, inner: Any, name: str, limit: int, swell: int | None, given: int = 0
    ) -> None:
        self._inner = inner
        self._name = name
        self._limit = limit
        self._swell = None if swell is None else max(swell, _RATIO_FLOOR)
        self.given = given  # bytes, with those of files of the archive that came before
        self._head = b""

    def readable(self) -> bool:
        return True

    def peek_magic(self) -> bytes:
        """The first six bytes, which ``read`` will still give."""
        self._head = self._pull(6)
        return self._head

    def read(self, size: int | None = -1, /) -> bytes:
        size = 1024**2 if size is None or size < 0 else size
        taken, self._head = self._head[:size], self._head[size:]
        return taken + (self._pull(size - len(taken)) if len(taken) < size else b"")

    def readinto(self, buffer: Any, /) -> int:
        if self._swell is not None or self._head:  # what is unpacked is laid elsewhere first
            return super().readinto(buffer)
        count: int = self._inner.readinto(buffer)
        self._count(count)
        return count

    def _pull(self, size: int) -> bytes:
        try:
            chunk: bytes = self._inner.read(size)
        except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
            if self._swell is None and isinstance(error, OSError):
                raise  # a plain file: the disk, not the data
            raise SourceRefused(
                f"{self._name} is damaged or was cut in transfer: {error}. Fetch it again."
            ) from error
        self._count(len(chunk))
        return chunk

    def _count(self, more: int) -> None:
        self.given += more
        if self.given > self._limit:
            raise HostileInput(f"{self._name} is larger than the limit of {self._limit} bytes.")
        if self._swell is not None and self.given > self._swell:
            raise HostileInput(
                f"{self._name} swells to more than {self._swell} bytes when unpacked "
                "(limits.max_ratio): it looks like a zip bomb."
            )

    def close(self) -> None:
        self._inner.close()
        super().close()
