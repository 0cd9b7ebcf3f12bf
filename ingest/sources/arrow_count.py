"""Counts the rows of an Arrow file in its messages, apart from the library that reads it.

Only the flatbuffers of the footer and of the batches' heads are looked at: where each batch lies,
how many rows it has, and how large its buffers are once unpacked, so that a file which would
swell beyond the limits is refused before anything unpacks it.

https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format and File.fbs, Message.fbs there.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from ingest.contract import Limits
from ingest.errors import HostileInput, SourceRefused

MAGIC = b"ARROW1"
MAX_HEAD_BYTES = 16 * 1024**2  # of the footer, or of one message's head
MAX_BATCH_BYTES = 512 * 1024**2
_RATIO_FLOOR = 64 * 1024**2
_BLOCK, _BUFFER = struct.Struct("<qi4xq"), struct.Struct("<qq")
_DICTIONARIES, _BATCHES = 2, 3  # fields of the footer
_DICTIONARY_BATCH = 2  # kind of message


def is_arrow_file(path: Path) -> bool:
    """True for a file that begins as Arrow files (Feather version 2) do."""
    try:
        with path.open("rb") as file:
            return file.read(6) == MAGIC
    except OSError:
        return False


def count_rows(path: Path, limits: Limits, where: str) -> int:
    """Rows of all batches; raises SourceRefused for a damaged file, HostileInput at a bound."""
    size = path.stat().st_size
    if size > limits.max_file_bytes:
        raise HostileInput(f"{where} is larger than the limit of {limits.max_file_bytes} bytes.")
    swell = min(max(size * limits.max_ratio, _RATIO_FLOOR), limits.max_file_bytes)
    try:
        with path.open("rb") as file:
            footer = _footer(file, size)
            rows = unpacked = 0
            for field in (_DICTIONARIES, _BATCHES):
                for block in _blocks(footer, field):
                    count, large = _batch(file, block, size)
                    rows += count if field == _BATCHES else 0
                    unpacked += large
                    if large > MAX_BATCH_BYTES or unpacked > swell:
                        raise HostileInput(
                            f"{where} swells beyond the limit when unpacked (limits.max_ratio)."
                        )
            return rows
    except (struct.error, ValueError, IndexError) as error:
        raise SourceRefused(f"{where} is a damaged Arrow file: {error}. Fetch it again.") from error


class _Table:
    """A table of a flatbuffer: fields by their number."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - _int32(data, at)
        self._size = _uint16(data, self._fields)

    def place(self, field: int) -> int | None:
        """Where a field's value lies; None where it is not set."""
        slot = 4 + 2 * field
        offset = _uint16(self._data, self._fields + slot) if slot < self._size else 0
        return self._at + offset if offset else None

    def table(self, field: int) -> "_Table | None":
        """The table that a field refers to."""
        at = self.place(field)
        return None if at is None else _Table(self._data, at + _uint32(self._data, at))

    def long(self, field: int) -> int:
        """A 64-bit number; 0 where it is not set."""
        at = self.place(field)
        return 0 if at is None else int(struct.unpack_from("<q", self._data, at)[0])

    def structs(self, field: int, layout: struct.Struct) -> list[tuple[int, ...]]:
        """The structs of a vector."""
        at = self.place(field)
        if at is None:
            return []
        at += _uint32(self._data, at)
        count = _uint32(self._data, at)
        if count * layout.size > len(self._data):
            raise ValueError("a vector reaches beyond its message")
        return [layout.unpack_from(self._data, at + 4 + n * layout.size) for n in range(count)]


def _footer(file: BinaryIO, size: int) -> _Table:
    if size < 22:
        raise ValueError("it is too short")
    file.seek(size - 10)
    length, magic = struct.unpack("<i6s", file.read(10))
    if magic != MAGIC or not 0 < length <= min(size - 18, MAX_HEAD_BYTES):
        raise ValueError("it does not end as an Arrow file does: it was cut in transfer")
    file.seek(size - 10 - length)
    return _root(file.read(length))


def _blocks(footer: _Table, field: int) -> list[tuple[int, ...]]:
    return footer.structs(field, _BLOCK)


def _batch(file: BinaryIO, block: tuple[int, ...], size: int) -> tuple[int, int]:
    """Rows of one batch, and the bytes that its buffers take once unpacked."""
    offset, head, body = block
    if not 8 <= head <= MAX_HEAD_BYTES or offset < 0 or body < 0 or offset + head + body > size:
        raise ValueError("a batch lies outside the file")
    file.seek(offset)
    message = file.read(head)
    begin = 8 if message[:4] == b"\xff\xff\xff\xff" else 4
    root = _root(message[begin:])
    kind, table = root.place(1), root.table(2)
    if kind is not None and message[begin + kind] == _DICTIONARY_BATCH and table is not None:
        table = table.table(1)
    if table is None:
        raise ValueError("a batch without a head")
    rows = table.long(0)
    if rows < 0:
        raise ValueError("a batch with less than no rows")
    large = 0
    packed = table.table(3) is not None
    for at, length in table.structs(2, _BUFFER):
        large += _unpacked(file, offset + head + at, length, size) if packed else max(length, 0)
    return rows, large


def _unpacked(file: BinaryIO, at: int, length: int, size: int) -> int:
    """Bytes of a compressed buffer as it tells itself; -1 there means that it is not compressed."""
    if length < 8:
        return 0
    if at < 0 or at + length > size:
        raise ValueError("a buffer lies outside the file")
    file.seek(at)
    told = int(struct.unpack("<q", file.read(8))[0])
    return max(told, length)


def _root(data: bytes) -> _Table:
    return _Table(data, _uint32(data, 0))


def _int32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<i", data, at)[0])


def _uint32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def _uint16(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<H", data, at)[0])
