"""Counts the records of a delimited text in its bytes, apart from the reader that parses them.

A record ends at a line end outside quotes; blank lines are no records. The count is what the
reader's output is held against, so it shares no code with it. Memory is one chunk.
"""

import numpy as np

from ingest.errors import HostileInput, SourceRefused

_LF, _CR = 10, 13
_AT_ONCE = 256 * 1024  # bytes: what is made of them stays in the processor's cache


class RecordCounter:
    """Feed it the bytes in order; ``finish`` gives the number of records, the header included.

    After each chunk ``ends`` are the offsets in the text, one beyond its last byte, of the records
    that ended in it.
    """

    def __init__(self, quote: str = '"', max_record_bytes: int = 16 * 1024**2) -> None:
        self._quote = quote.encode() if quote else b""
        self._limit = max_record_bytes
        self.records = 0  # that have ended
        self._offset = 0  # bytes seen
        self.record_start = 0  # where the present one begins, in bytes
        self.ends = np.zeros(0, dtype=np.int64)  # of the records that ended in the last chunk
        self._inside = False
        self._last = b""

    def feed(self, chunk: bytes | memoryview) -> None:
        """Count one chunk; raises HostileInput when a record outgrows the bound."""
        data = np.frombuffer(chunk, dtype=np.uint8)
        found = [
            self._count(data[first : first + _AT_ONCE]) for first in range(0, len(data), _AT_ONCE)
        ]
        self.ends = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def _count(self, data: np.ndarray) -> np.ndarray:
        """Where records end in the next bytes, which are some."""
        ends = np.flatnonzero(data == _LF)
        if self._quote:
            ends = self._outside_quotes(data, ends)
        if len(ends):
            starts = np.concatenate(([self.record_start], ends[:-1] + 1 + self._offset))
            lengths = ends + self._offset - starts
            self._check_length(int(lengths.max()))
            self.record_start = int(ends[-1]) + 1 + self._offset
            ends = ends[~self._blank(data, ends, lengths)]
            self.records += len(ends)
        ends += self._offset + 1
        self._offset += len(data)
        self._last = data[-1:].tobytes()
        self._check_length(self._offset - self.record_start)
        return ends

    def finish(self) -> int:
        """Records seen; raises SourceRefused when the text ends inside a quoted field."""
        if self._inside:
            raise SourceRefused(
                f"a quoted field that begins after byte {self.record_start} is never closed: "
                "the file was cut in transfer, or a quote stands inside a field"
            )
        tail = self._offset - self.record_start
        rest = 1 if tail > 1 or (tail == 1 and self._last != b"\r") else 0
        return self.records + rest

    @property
    def ends_with_newline(self) -> bool:
        """True when the last byte fed was a line end."""
        return self._last == b"\n"

    def _outside_quotes(self, data: np.ndarray, ends: np.ndarray) -> np.ndarray:
        quotes = data == self._quote[0]
        if not self._inside and not quotes.any():
            return ends
        # Quotes before the first end, between ends, and after the last: odd or even. No end is a
        # quote, so one at the very beginning counts as none before it.
        odd = np.bitwise_xor.reduceat(quotes.view(np.uint8), np.concatenate(([0], ends)))
        inside = np.bitwise_xor.accumulate(odd).astype(bool) ^ self._inside
        self._inside = bool(inside[-1])
        outside: np.ndarray = ends[~inside[:-1]]
        return outside

    def _blank(self, data: np.ndarray, ends: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Which ends close a line with nothing in it, or nothing but a carriage return."""
        blank: np.ndarray = lengths == 0
        ones = np.flatnonzero(lengths == 1)
        if len(ones):
            before = data[np.maximum(ends[ones] - 1, 0)] == _CR
            if ends[ones[0]] == 0:
                before[0] = self._last == b"\r"
            blank[ones] = before
        return blank

    def _check_length(self, length: int) -> None:
        if length > self._limit:
            raise HostileInput(
                f"the record that begins at byte {self.record_start} is longer than "
                f"{self._limit} bytes"
            )
