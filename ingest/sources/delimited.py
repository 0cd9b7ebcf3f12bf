"""Reads delimited text in blocks: every field as text, every record with its number.

pyarrow splits the fields, single-threaded: its threaded reader loses decimals
(docs/decisions.md). Records that do not have the header's number of fields are handed on as
malformed, with their text; a file that is no delimited text at all is refused.
"""

import csv
import io
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ingest.containers import open_bytes
from ingest.contract import Contract
from ingest.errors import IngestError, SchemaDrift, SourceRefused
from ingest.records import RecordCounter
from ingest.sources import Malformed, Part, RawBatch

BLOCK_BYTES = 1024**2
HEADER_BYTES = 64 * 1024
MAX_RECORD_BYTES = BLOCK_BYTES  # the reader needs a whole record in a block
MAX_MALFORMED, MAX_TEXT = 10_000, 4_000


class DelimitedText:
    """One delimited file; see the module docstring. Raises SourceRefused and SchemaDrift."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._counter = RecordCounter(contract.format.quote, MAX_RECORD_BYTES)
        self._malformed: list[Malformed] = []
        self._taken = 0  # how many of them were handed on
        self._stream = _Counted(open_bytes(path, contract.limits), self._counter)
        try:
            self._header = self._read_header()
            self._drift = self._compare_columns()
        except BaseException:
            self._stream.close()
            raise

    @property
    def drift(self) -> tuple[str, ...]:
        """Columns that the contract does not know."""
        return self._drift

    def parts(self) -> Iterator[Part]:
        for batch in self._batches():
            yield partial(_same, batch)

    def _batches(self) -> Iterator[RawBatch]:
        """Raw batches of about 1 MiB; malformed records ride with the batch after them."""
        names = [_safe(name) for name in self._header]
        given = 0
        with self._stream:
            try:
                with closing(_ahead(self._open_reader(names))) as ahead:
                    for batch in ahead:
                        rows = self._number(given, batch.num_rows)
                        given = int(rows[-1]) if batch.num_rows else given
                        named = batch.rename_columns(self._header)
                        bad = self._take(given)
                        yield RawBatch(named, pa.array(rows), bad, self._stream.damaged)
            except pa.ArrowInvalid as error:
                raise self._refused(f"cannot be split into fields: {error}") from error
            self._stream.drain()
        if len(self._malformed) > self._taken:
            empty = pa.RecordBatch.from_pylist([], pa.schema([(n, pa.string()) for n in names]))
            rest = self._take(self._malformed[-1].row)
            yield RawBatch(empty.rename_columns(self._header), pa.array([], pa.int64()), rest)

    def records_read(self) -> int:
        """Records after the header, counted in the bytes."""
        try:
            records = self._counter.finish() - 1
        except IngestError as error:
            raise self._refused(str(error)) from error
        if self._contract.format.final_newline == "required" and not self._ends_well():
            raise self._refused(
                f"ends inside record {records}, without a line end: it was cut in transfer. "
                "Fetch it again"
            )
        return records

    def _ends_well(self) -> bool:
        return self._counter.ends_with_newline

    def _open_reader(self, names: list[str]) -> pacsv.CSVStreamingReader:
        return pacsv.open_csv(
            pa.PythonFile(self._stream, mode="r"),
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=1
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self._contract.format.delimiters[0],
                quote_char=self._contract.format.quote or False,
                newlines_in_values=bool(self._contract.format.quote),
                invalid_row_handler=self._note_malformed,
            ),
            convert_options=pacsv.ConvertOptions(
                check_utf8=False,  # the stream lets nothing else through
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
            ),
        )

    def _read_header(self) -> list[str]:
        head = self._stream.peek(HEADER_BYTES)
        problem = not_delimited(head)
        if problem:
            raise self._refused(problem)
        line, newline, _ = head.partition(b"\n")
        if not newline and len(head) >= HEADER_BYTES:
            raise self._refused(f"has a header longer than {HEADER_BYTES} bytes")
        line = line.removesuffix(b"\r")
        text = line.decode("utf-8-sig")
        if self._stream.damaged and "\ufffd" in text:
            at = text.index("\ufffd") + 1
            raise self._refused(f"has a header that is not UTF-8 at character {at}: wrong encoding")
        layout = self._contract.format
        fields = csv.reader(
            io.StringIO(text),
            delimiter=layout.delimiters[0],
            quotechar=layout.quote or None,
            quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
        )
        return [name.strip() for name in next(fields, [])]

    def _compare_columns(self) -> tuple[str, ...]:
        wanted = {*self._contract.source_columns, *self._contract.masked}
        got = self._header
        missing = [name for name in self._contract.source_columns if name not in got]
        twice = sorted({name for name in got if got.count(name) > 1})
        unknown = [name for name in got if name not in wanted]
        where = f"{self._contract.dataset}: {self._name}"
        if twice:
            raise SchemaDrift(f"{where} has the column {', '.join(twice)} more than once.")
        if missing:
            instead = ", ".join(name[:60] for name in unknown[:10])
            hint = f"; it has instead: {instead}" if unknown else ""
            raise SchemaDrift(
                f"{where} misses the column {', '.join(missing)}{hint}. If the publisher renamed "
                f"it, change 'source' in {self._contract.dataset}.yml and raise its version."
            )
        if unknown and self._contract.unknown_columns == "stop":
            raise SchemaDrift(
                f"{where} has the unknown column {', '.join(unknown)}. Describe it in "
                f"{self._contract.dataset}.yml and raise its version."
            )
        return tuple(f"unknown column {name[:60]}" for name in unknown[:100])

    def _note_malformed(self, row: pacsv.InvalidRow) -> str:
        reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
        # pyarrow counts the skipped header as row 1.
        self._malformed.append(Malformed((row.number or 1) - 1, row.text[:MAX_TEXT], reason))
        if len(self._malformed) > MAX_MALFORMED:
            return "error"
        return "skip"

    def _number(self, given: int, count: int) -> np.ndarray:
        """The next ``count`` record numbers, leaving out those of malformed records."""
        bad = np.array([m.row for m in self._malformed[self._taken :]], dtype=np.int64)
        span = np.arange(given + 1, given + 1 + count + len(bad), dtype=np.int64)
        return span[~np.isin(span, bad)][:count]

    def _take(self, last: int) -> tuple[Malformed, ...]:
        """Malformed records up to record number ``last`` that were not handed on yet.

        The reader runs ahead, so the list may already hold some of the batch to come.
        """
        first = self._taken
        while self._taken < len(self._malformed) and self._malformed[self._taken].row <= last:
            self._taken += 1
        return tuple(self._malformed[first : self._taken])

    def _refused(self, what: str) -> SourceRefused:
        return SourceRefused(f"{self._contract.dataset}: {self._name} {what}.")


def _ahead(batches: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
    """The same batches, the next one being read while the present one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = thread.submit(next, batches, None)
            yield batch


class _Counted(io.RawIOBase):
    """Hands bytes on as valid UTF-8 and lets the counter see each original byte once."""

    def __init__(self, stream: io.BufferedIOBase, counter: RecordCounter) -> None:
        self._stream = stream
        self._counter = counter
        self._ready = b""
        self._carry = b""  # the beginning of a character that the next chunk completes
        self.damaged = False

    def peek(self, size: int) -> bytes:
        """The first bytes, which the reader will still get."""
        while len(self._ready) < size and (more := self._pull(size - len(self._ready))):
            self._ready += more  # a decompressor may give less than it is asked for
        return self._ready

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = BLOCK_BYTES if size < 0 else size
        # A short block may hold no line end, which pyarrow takes for a record that is too long.
        while len(self._ready) < size and (more := self._pull(size - len(self._ready))):
            self._ready += more
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def drain(self) -> None:
        """Count what the reader left unread, so that a reader that stops early is caught."""
        while self.read(BLOCK_BYTES):
            pass

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _pull(self, size: int) -> bytes:
        fresh = self._stream.read(size)
        self._counter.feed(fresh)
        chunk, self._carry = self._carry + fresh, b""
        if fresh:
            cut = _complete(chunk)
            chunk, self._carry = chunk[:cut], chunk[cut:]
        if not _is_utf8(chunk):
            self.damaged = True
            chunk = chunk.decode("utf-8", "replace").encode()
        return chunk or (self._pull(size) if fresh else b"")


def _complete(chunk: bytes) -> int:
    """Where the last character that may be incomplete begins, at most three bytes from the end."""
    for back in range(1, min(4, len(chunk) + 1)):
        byte = chunk[-back]
        if byte >= 0xC0:  # a lead byte: how many bytes does it promise?
            promised = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(chunk) - back if promised > back else len(chunk)
        if byte < 0x80:
            break
    return len(chunk)


def _is_utf8(chunk: bytes) -> bool:
    try:
        pa.array([chunk], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def not_delimited(head: bytes) -> str | None:
    """What the first bytes are when they are no delimited text in UTF-8; else None."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if not start:
        return "is empty"
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "is an HTML page, not data: the publisher answered with an error or a login page"
    if start.startswith((b"<", b"{", b"[")):
        return "is XML or JSON, not delimited text"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:64]:
        return "is UTF-16 or binary, not UTF-8 text: wrong encoding"
    return None


def _same(batch: RawBatch) -> RawBatch:
    return batch


def _safe(name: str) -> str:
    return name or "(no name)"
