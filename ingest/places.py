"""Finds where a record stands in a delimited text that was kept: its line and its byte.

Offsets are those of the decompressed text. What is no delimited text (workbooks, JSON, XML,
UTF-16) has no such places; there the record's number is all that is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.containers import open_bytes
from ingest.contract import Contract
from ingest.errors import IngestError
from ingest.records import RecordCounter

DELIMITED = "csv"
_CHUNK = 4 * 1024**2


@dataclass(frozen=True)
class Place:
    """Where a record begins: line from 1, byte from 0."""

    line: int
    byte: int


def places_of(contract: Contract, path: Path, rows: Sequence[int]) -> dict[int, Place]:
    """Where records begin, by their number from 1 (the header is 0); empty where it is not told."""
    if DELIMITED not in contract.format.kinds or not path.is_file():
        return {}
    try:
        return dict(_found(contract, path, sorted(set(rows))))
    except IngestError:  # no single text, or one that cannot be counted
        return {}


def _found(contract: Contract, path: Path, rows: list[int]) -> Iterator[tuple[int, Place]]:
    counter = RecordCounter(contract.format.quote)
    offset, lines, ended, start = 0, 0, 0, -1
    with open_bytes(path, contract.limits, path.name) as stream:
        while rows and (chunk := stream.read(_CHUNK)):
            if not offset and (chunk.lstrip()[:1] in b"{[<" or b"\x00" in chunk):
                return
            counter.feed(chunk)
            data = np.frombuffer(chunk, dtype=np.uint8)
            ends = counter.ends
            while rows and (start >= 0 or rows[0] <= ended + len(ends)):
                start = start if start >= 0 else int(ends[rows[0] - ended - 1])
                at = _skip_blank(chunk, start - offset)
                if at == len(chunk):
                    start = offset + at  # blank so far: it begins in a later chunk
                    break
                before = int(np.count_nonzero(data[:at] == ord("\n")))
                yield rows.pop(0), Place(lines + before + 1, offset + at)
                start = -1
            ended += len(ends)
            lines += int(np.count_nonzero(data == ord("\n")))
            offset += len(chunk)


def _skip_blank(chunk: bytes, at: int) -> int:
    while at < len(chunk) and chunk[at] in b"\r\n":
        at += 1
    return at
