"""Finds records in JSON answers without parsing them, whole blocks at a time.

An answer is an envelope, an object, and its records are the objects in the one list that it
holds. Of the brackets outside strings only those of envelopes and lists, a handful
for each answer, are looked at one by one. What stands around the records is parsed when the
answer ends, and its count is held against the records seen. Memory is a chunk and a record.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.errors import HostileInput, SourceRefused
from ingest.sources.json_brackets import BracketFinder, Brackets

MAX_RECORD_BYTES = 1024**2
MAX_ENVELOPE_BYTES = 256 * 1024
MAX_DEPTH = 32
_COMMA, _SPACE, _NEWLINE = 0x2C, 0x20, 0x0A
_BLANKS = b" \t\r\n"
_OUTSIDE, _ENVELOPE, _CONTAINER = 0, 1, 2


@dataclass(frozen=True)
class Block:
    """Whole records: ``lines`` holds nothing but them; where they start and end in it, in bytes.

    A line end stands after each record but the last; pretty-printed ones have more within.
    """

    lines: bytes | bytearray
    starts: np.ndarray
    ends: np.ndarray  # one beyond the last byte

    @property
    def records(self) -> int:
        """How many there are."""
        return len(self.starts)

    def record(self, number: int) -> bytes | bytearray:
        """The text of one of them, from 0."""
        return self.lines[self.starts[number] : self.ends[number]]


class AnswerScanner:
    """Feed it the bytes in order; ``finish`` gives the number of records that answers tell.

    ``where`` names dataset and file in messages, ``records_key`` the key of the list.
    """

    def __init__(self, where: str, records_key: str = "data") -> None:
        self._where = where
        self._key = records_key
        self._rest = b""  # a record that has begun
        self._around = bytearray()  # of the present answer, its records left out
        self._finder = BracketFinder()
        self._level = _OUTSIDE
        self._is_list = False
        self._seen = 0  # records so far
        self._seen_before = 0  # records before the present answer
        self._told = 0  # records that the answers tell
        self._answers = 0

    def feed(self, chunk: bytes) -> Block:
        """The records that end in the chunk; raises SourceRefused, HostileInput."""
        carried = len(self._rest)
        text = self._rest + chunk
        data = np.frombuffer(text, dtype=np.uint8)
        found = self._brackets(data, carried)
        in_list = np.zeros(len(found.at), dtype=bool)
        regions, cursor = self._walk(text, found, in_list, carried)
        starts = found.at[found.opens & (found.depth == 2) & in_list]
        ends = found.at[~found.opens & (found.depth == 3) & in_list] + 1
        if carried:
            starts = np.concatenate(([0], starts))
        self._keep_tail(text, starts, ends, cursor)
        block = self._cut(text, starts[: len(ends)], ends, regions)
        self._seen += block.records
        return block

    def finish(self) -> int:
        """All records as the answers tell; raises SourceRefused where the text ends within one."""
        if self._level != _OUTSIDE:
            raise self._refused(
                f"ends inside answer {self._answers + 1}, after {self._seen} records: it was cut "
                "in transfer. Fetch it again"
            )
        if not self._answers:
            raise self._refused("is empty")
        return self._told

    def _brackets(self, data: np.ndarray, carried: int) -> Brackets:
        found = self._finder.feed(data[carried:])
        if found.lowest < 0:
            raise self._refused("is no JSON: a bracket closes what none has opened")
        if found.deepest > MAX_DEPTH:
            raise HostileInput(f"{self._where} is nested deeper than {MAX_DEPTH} levels.")
        return found.shifted(carried)

    def _walk(
        self, text: bytes, found: Brackets, in_list: np.ndarray, carried: int
    ) -> tuple[list[tuple[int, int]], int]:
        """Follow envelopes and their lists; gives the regions of lists and where it stopped."""
        outer = np.flatnonzero(found.depth <= np.where(found.opens, 1, 2))
        regions: list[tuple[int, int]] = []
        cursor, before = carried, 0
        for number in outer.tolist():
            at, opens = int(found.at[number]), bool(found.opens[number])
            in_list[before:number] = self._level == _CONTAINER and self._is_list
            before = number
            if self._level == _OUTSIDE:
                self._begin(text[cursor:at], curly=bool(found.curly[number]))
                cursor = at
            elif self._level == _CONTAINER:
                if self._is_list:
                    regions.append((cursor, at))
                cursor, self._level = at, _ENVELOPE
            elif opens:
                self._keep(text[cursor : at + 1])
                self._level, self._is_list = _CONTAINER, not found.curly[number]
                cursor = at + 1
            else:
                self._keep(text[cursor : at + 1])
                self._end(self._records_before(found, in_list, number))
                cursor = at + 1
        in_list[before:] = self._level == _CONTAINER and self._is_list
        if self._level == _CONTAINER and self._is_list:
            regions.append((cursor, len(text)))
        return regions, cursor

    def _records_before(self, found: Brackets, in_list: np.ndarray, number: int) -> int:
        ended = ~found.opens[:number] & (found.depth[:number] == 3) & in_list[:number]
        return self._seen + int(ended.sum())

    def _begin(self, gap: bytes, *, curly: bool) -> None:
        if gap.strip(_BLANKS + b"\xef\xbb\xbf") or not curly:
            raise self._refused("is no JSON answer: it does not begin with an object")
        self._level = _ENVELOPE

    def _end(self, records: int) -> None:
        """Close an answer: what it tells of itself must be so."""
        self._answers += 1
        which = f"answer {self._answers}"
        try:
            envelope: Any = json.loads(bytes(self._around))
        except ValueError as error:
            raise self._refused(f"{which} is no JSON: {error}") from error
        if envelope.get("error") or envelope.get("statusCode"):
            told = str(envelope.get("error") or envelope.get("message")).rstrip(".")
            raise self._refused(f"{which} is an error of the publisher: {told[:300]}")
        if envelope.get(self._key) != []:
            raise self._refused(f"{which} has no list {self._key!r}")
        own = records - self._seen_before
        count = envelope.get("count", own)
        if count != own:
            raise self._refused(
                f"{which} tells of {count} records but holds {own}: it was cut in transfer. "
                "Fetch it again"
            )
        self._told += own
        self._seen_before = records
        self._around.clear()
        self._level = _OUTSIDE

    def _keep(self, text: bytes) -> None:
        self._around += text
        if len(self._around) > MAX_ENVELOPE_BYTES:
            raise HostileInput(
                f"{self._where} has more than {MAX_ENVELOPE_BYTES} bytes around the records of "
                "one answer."
            )

    def _keep_tail(self, text: bytes, starts: np.ndarray, ends: np.ndarray, cursor: int) -> None:
        self._rest = text[starts[-1] :] if len(starts) > len(ends) else b""
        if len(self._rest) > MAX_RECORD_BYTES:
            raise HostileInput(
                f"{self._where}: record {self._seen + len(ends) + 1} is longer than "
                f"{MAX_RECORD_BYTES} bytes."
            )
        if self._level == _ENVELOPE:
            self._keep(text[cursor:])
        elif self._level == _OUTSIDE and text[cursor:].strip(_BLANKS):
            raise self._refused("is no JSON answer: text stands after the last one")

    def _cut(
        self, text: bytes, starts: np.ndarray, ends: np.ndarray, regions: list[tuple[int, int]]
    ) -> Block:
        """Blank out what stands between records, which may be commas and blanks only."""
        data = np.frombuffer(text, dtype=np.uint8)
        gaps = _between(starts, ends, regions, len(data) - len(self._rest))
        odd = gaps[(data[gaps] > _SPACE) & (data[gaps] != _COMMA)]
        if any(((first <= odd) & (odd < last)).any() for first, last in regions):
            raise self._refused(f"holds something else than objects in {self._key!r}")
        if not len(ends):
            return Block(b"", starts, ends)
        base, end = int(starts[0]), int(ends[-1])
        whole = bytearray(memoryview(text)[base:end])
        lines = np.frombuffer(whole, dtype=np.uint8)
        lines[gaps[(gaps >= base) & (gaps < end)] - base] = _SPACE
        apart = starts[1:] > ends[:-1]
        lines[ends[:-1][apart] - base] = _NEWLINE
        return Block(whole, starts - base, ends - base)

    def _refused(self, what: str) -> SourceRefused:
        return SourceRefused(f"{self._where} {what}.")


def _between(
    starts: np.ndarray, ends: np.ndarray, regions: list[tuple[int, int]], last: int
) -> np.ndarray:
    """Places outside records, from the first region to the last one, one by one."""
    if not regions:
        return np.zeros(0, dtype=np.int64)
    begin = np.concatenate(([regions[0][0]], ends))
    stop = np.concatenate((starts, [max(min(regions[-1][1], last), begin[-1])]))
    lengths = np.maximum(stop - begin, 0)
    shift = begin - np.concatenate(([0], np.cumsum(lengths)[:-1]))
    return np.repeat(shift, lengths) + np.arange(int(lengths.sum()))
