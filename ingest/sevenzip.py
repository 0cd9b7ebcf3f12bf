"""Reads the only file of a 7z archive as a stream, in memory that does not grow with the archive.

py7zr parses the header, which is held to 64 KiB: that is plenty for one file. The data goes
through the decompressors of the standard library, fed only when they ask for more; py7zr's own
loop hands over a block of input with every call and so comes to hold a whole bomb. Methods that
cannot be held to a bound this way are refused. Nothing is written to the disk.
The format: https://github.com/ip7z/7zip/blob/main/DOC/7zFormat.txt
"""

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from py7zr import SevenZipFile, archiveinfo
from py7zr.exceptions import PasswordRequired, UnsupportedCompressionMethodError

from ingest.errors import HostileInput, SourceRefused

MAX_HEADER_BYTES = 64 * 1024
MAX_DICTIONARY_BYTES = 256 * 1024**2
_PACKED_CHUNK = 64 * 1024
_COPY, _LZMA, _LZMA2, _BZIP2 = b"\x00", b"\x03\x01\x01", b"\x21", b"\x04\x02\x02"
_X86, _AES = b"\x03\x03\x01\x03", b"\x06\xf1\x07\x01"
archiveinfo.MAX_HEADER_SIZE = MAX_HEADER_BYTES  # of a packed header, which py7zr unpacks whole


class _Decoder(Protocol):
    @property
    def needs_input(self) -> bool: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def open_only_member(plain: io.BufferedReader, name: str) -> io.BufferedIOBase:
    """The bytes of the archive's only file; raises SourceRefused and HostileInput.

    Reading raises EOFError or lzma.LZMAError where the archive is damaged or cut.
    """
    archive = _parse(plain, name)
    members = [member for member in archive.files if not member.is_directory]
    if len(members) != 1:
        raise SourceRefused(f"{name} holds {len(members)} files where one is expected.")
    member, streams = members[0], archive.header.main_streams
    if member.is_symlink or member.is_junction:
        raise HostileInput(f"{name} holds a link instead of a file.")
    if member.emptystream or streams is None:
        return io.BytesIO()
    pack, folders = streams.packinfo, streams.unpackinfo.folders
    if len(folders) != 1 or len(pack.packsizes) != 1:
        raise SourceRefused(f"{name} is a 7z archive of several streams, which is not read.")
    plain.seek(archive.afterheader + pack.packpos)
    decoder = _decoder(folders[0].coders, name)
    return _Member(plain, decoder, pack.packsizes[0], member.uncompressed, member.crc32)


def _parse(plain: io.BufferedReader, name: str) -> SevenZipFile:
    _, header_bytes, _ = struct.unpack("<QQI", plain.read(32)[12:32].ljust(20, b"\0"))
    plain.seek(0)
    if header_bytes > MAX_HEADER_BYTES:
        raise HostileInput(
            f"{name} is a 7z archive with a header of {header_bytes} bytes; one file needs less "
            f"than {MAX_HEADER_BYTES}."
        )
    try:
        archive = SevenZipFile(plain)
        archive.files  # noqa: B018  # an archive without a header has none
    except PasswordRequired as error:
        raise SourceRefused(f"{name} is encrypted.") from error
    except UnsupportedCompressionMethodError as error:
        raise SourceRefused(f"{name} is a 7z archive of an unknown method.") from error
    except Exception as error:  # a damaged header makes py7zr fail in any way
        raise SourceRefused(f"{name} is a damaged 7z archive: {error}. Fetch it again.") from error
    return archive


def _decoder(coders: list[dict[str, Any]], name: str) -> _Decoder:
    methods = [coder["method"] for coder in coders]
    if _AES in methods:
        raise SourceRefused(f"{name} is encrypted.")
    if methods == [_COPY]:
        return _Copy()
    if methods == [_BZIP2]:
        return bz2.BZ2Decompressor()
    if methods in ([_LZMA], [_LZMA2], [_LZMA2, _X86]):
        filters = [_FILTERS[coder["method"]](coder["properties"] or b"") for coder in coders[::-1]]
        if max(entry.get("dict_size", 0) for entry in filters) > MAX_DICTIONARY_BYTES:
            raise HostileInput(
                f"{name} asks for a dictionary of more than {MAX_DICTIONARY_BYTES} bytes."
            )
        try:
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        except (lzma.LZMAError, ValueError, OverflowError) as error:
            raise SourceRefused(f"{name} is a damaged 7z archive: {error}.") from error
    raise SourceRefused(
        f"{name} is packed by a method that is not read (LZMA, LZMA2, BZip2 and plain copies are). "
        "Unpack it and give the file."
    )


def _lzma_filter(properties: bytes) -> dict[str, int]:
    packed, dictionary = struct.unpack("<BL", properties.ljust(5, b"\0")[:5])
    rest, literal_bits = divmod(packed, 9)
    position_bits, literal_position_bits = divmod(rest, 5)
    return {
        "id": lzma.FILTER_LZMA1,
        "dict_size": dictionary,
        "lc": literal_bits,
        "lp": literal_position_bits,
        "pb": position_bits,
    }


def _lzma2_filter(properties: bytes) -> dict[str, int]:
    bits = properties[0] if properties else 0
    return {"id": lzma.FILTER_LZMA2, "dict_size": (2 | (bits & 1)) << (bits // 2 + 11)}


_FILTERS: dict[bytes, Callable[[bytes], dict[str, int]]] = {
    _LZMA: _lzma_filter,
    _LZMA2: _lzma2_filter,
    _X86: lambda _: {"id": lzma.FILTER_X86},
}


class _Copy:
    """Gives what it is fed: data that was stored as it is."""

    needs_input, eof = True, False

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return data


class _Member(io.BufferedIOBase):
    """Unpacks on demand: each ``read`` gives at most what was asked for, b"" at the end."""

    def __init__(
        self, plain: io.BufferedReader, decoder: _Decoder, packed: int, left: int, crc: int | None
    ) -> None:
        self._plain = plain
        self._decoder = decoder
        self._packed = packed  # bytes not yet read
        self._left = left  # bytes not yet given
        self._crc = crc
        self._sum = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        want = self._left if size is None or size < 0 else min(size, self._left)
        while want:
            given = self._decoder.decompress(self._input(want), want)
            if given:
                self._note(given)
                return given
            if self._decoder.eof:
                raise EOFError("its data ends early")
        return b""

    def _input(self, want: int) -> bytes:
        if not self._decoder.needs_input:
            return b""
        ask = min(_PACKED_CHUNK, self._packed)
        data = self._plain.read(min(ask, want) if isinstance(self._decoder, _Copy) else ask)
        if not data:
            raise EOFError("its data ends early")
        self._packed -= len(data)
        return data

    def _note(self, given: bytes) -> None:
        self._left -= len(given)
        self._sum = zlib.crc32(given, self._sum)
        if not self._left and self._crc is not None and self._sum != self._crc:
            raise lzma.LZMAError("its checksum differs")

    def close(self) -> None:
        self._plain.close()
        super().close()
