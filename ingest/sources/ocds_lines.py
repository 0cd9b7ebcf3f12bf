"""Documents that are lines (JSON Lines), and how a text shows that it is made of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ingest.errors import HostileInput
from ingest.sources.json_brackets import Brackets
from ingest.sources.ocds_keys import Publisher

MAX_DOCUMENT_BYTES = 32 * 1024**2  # of a line, a record or a release
HEAD_BYTES = 1024**2  # by which a text is judged
BLANKS = b" \t\r\n"
_HEAD_LINES = 20
_LF, _SPACE = 0x0A, 0x20


@dataclass(frozen=True)
class Package:
    """The package whose elements are handed on: its number in the text from 0, and what it is."""

    number: int
    of_records: bool
    publisher: Publisher | None  # None where it is not told before the list


@dataclass(frozen=True)
class Documents:
    """Documents, one after the other in ``text``; ``brackets`` are those of ``text``, if known.

    ``depth`` is that at which the documents stand; ``package`` is told where they are elements.
    """

    text: bytes
    starts: np.ndarray
    ends: np.ndarray  # one beyond the last byte
    depth: int = 0
    brackets: Brackets | None = None
    package: Package | None = None


def is_lines(head: bytes) -> bool:
    """True where lines are values by themselves; a list of one value a line is none."""
    lines = [line for line in head.split(b"\n", _HEAD_LINES)[:_HEAD_LINES] if line.strip(BLANKS)]
    if len(head) >= HEAD_BYTES and head.count(b"\n", 0, HEAD_BYTES) < _HEAD_LINES:
        lines.pop()  # it may go on
    if not lines:
        return False
    whole = [_is_value(line) for line in lines]
    return whole[0] or sum(whole) * 2 >= len(whole)


def _is_value(line: bytes) -> bool:
    if line.strip(BLANKS)[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


class Lines:
    """Each line is a document; lines with nothing in them are none."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Documents]:
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._rest += chunk
        else:
            yield from _lines(self._rest + chunk[:end])
            self._rest = chunk[end:]
        if len(self._rest) > MAX_DOCUMENT_BYTES:
            raise HostileInput(f"{self._where} has a line longer than {MAX_DOCUMENT_BYTES} bytes.")

    def finish(self) -> Iterator[Documents]:
        rest, self._rest = self._rest, b""
        yield from _lines(rest + b"\n")


def _lines(text: bytes) -> Iterator[Documents]:
    data = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(data == _LF)
    starts = np.concatenate(([0], ends[:-1] + 1))
    while len(starts):  # blanks around a line, which are rare
        trailing = (ends > starts) & (data[np.maximum(ends - 1, 0)] <= _SPACE)
        leading = (ends > starts) & (data[starts] <= _SPACE)
        if not (trailing.any() or leading.any()):
            break
        starts, ends = starts + leading, ends - (trailing & (ends - starts > 1))
    full = ends > starts
    if full.any():
        yield Documents(text, starts[full], ends[full])
