"""Reads delimited text in blocks of whole records, several at once.

A block is first parsed straight into what its contract wants: decimals as decimals, text as
dictionaries, so that all later work is done once per distinct value. A block in which that fails
is parsed again as plain text, so that each bad value is found and told. Either way gives the same
rows. pyarrow splits the fields, single-threaded: its threaded reader loses decimals
(docs/decisions.md). Records that do not have the header's number of fields are handed on as
malformed, with their text; a file that is no delimited text at all is refused.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.containers import open_bytes
from ingest.contract import Contract
from ingest.decimals import is_misread, narrowed, widened
from ingest.errors import IngestError, SourceRefused
from ingest.lookups import digest
from ingest.records import RecordCounter
from ingest.sources import Kind, Malformed, Part, RawBatch, Recurring
from ingest.sources.blocks import Room, longer, without_first_line
from ingest.sources.layout import HEADER_BYTES, TRAILING, read_layout
from ingest.sources.runs import end_of_run

BLOCK_BYTES = 8 * 1024**2
MAX_RECORD_BYTES = 1024**2
MAX_MALFORMED, MAX_TEXT = 10_000, 4_000
PARSER = "delimited 2"  # another number whenever a block would be parsed or cast otherwise
MANY_VALUES = 0.3  # distinct values per row from which a dictionary costs more than it saves
_DICTIONARY = pa.dictionary(pa.int32(), pa.binary())
Decimals = Mapping[str, pa.DataType]  # columns that are read as decimals at once
Text = bytes | memoryview


class DelimitedText:
    """One delimited file; see the module docstring. Raises SourceRefused and SchemaDrift."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._counter = RecordCounter(contract.format.quote, MAX_RECORD_BYTES)
        self._malformed = 0
        self._plain: set[str] = set()  # columns with too many values for a dictionary
        head = next(self._chunks(HEADER_BYTES), b"")
        self._layout = read_layout(contract, name, head, self._chunks(BLOCK_BYTES))
        self._marks = self._layout.marks
        self._decimals = _ways(contract, self._layout.decimals)
        lookups = sorted({digest(c.lookup) for c in contract.columns if c.lookup})
        told_by_name = name if contract.reads_name else ""
        self._like = f"{PARSER} {self._layout} {lookups} {told_by_name}"

    @property
    def drift(self) -> tuple[str, ...]:
        """Columns that the contract does not know."""
        return self._layout.drift

    def parts(self) -> Iterator[Part]:
        """Blocks of up to about 8 MiB that end where a record ends."""
        header, given = True, 0
        for block, records, closes in self._blocks():
            if header:
                block, records, header = without_first_line(block, HEADER_BYTES), records - 1, False
            if len(block):
                parse = partial(self._parse, block, given)
                yield Recurring(parse, block, given, self._like, closes)
            given += records

    def records_read(self) -> int:
        """Records after the header, counted in the bytes."""
        try:
            records = self._counter.finish() - 1
        except IngestError as error:
            raise self._refused(str(error)) from error
        if (
            self._contract.format.final_newline == "required"
            and not self._counter.ends_with_newline
        ):
            raise self._refused(
                f"ends inside record {records}, without a line end: it was cut in transfer. "
                "Fetch it again"
            )
        return records

    def _chunks(self, size: int) -> Iterator[bytes]:
        """All bytes in chunks of ``size``; a decompressor may give less than it is asked for."""
        with open_bytes(self._path, self._contract.limits, self._where) as stream:
            chunk = bytearray()
            while more := stream.read(size - len(chunk)):
                if len(more) == size:
                    yield more
                    continue
                chunk += more
                if len(chunk) == size:
                    yield bytes(chunk)
                    chunk.clear()
            if chunk:
                yield bytes(chunk)

    def _blocks(self) -> Iterator[tuple[memoryview, int, bool]]:
        """Bytes up to a record's end, how many records end in them, and whether a run ends."""
        with open_bytes(self._path, self._contract.limits, self._where) as stream:
            yield from self._cut(stream)

    def _cut(self, stream: io.BufferedIOBase) -> Iterator[tuple[memoryview, int, bool]]:
        room = Room()
        rest, offset, run = memoryview(b""), 0, 0  # offsets in the text: of what is next, of a run
        while len(text := longer(rest, stream, BLOCK_BYTES, room)) > len(rest):
            self._counter.feed(text[len(rest) :])
            base = offset - len(rest)
            offset = base + len(text)
            ends, last = self._counter.ends, self._counter.record_start
            if last <= base:
                rest = text  # bounded: the counter refuses a record that is too long
                continue
            cut = end_of_run(text, ends - base, run - base)
            if cut:
                before = int(np.searchsorted(ends, cut + base, "right"))
                yield text[:cut], before, True
                run = cut + base
                if last > run:
                    yield text[cut : last - base], len(ends) - before, False
            else:
                yield text[: last - base], len(ends), False
            rest = text[last - base :]
        if len(rest):
            yield rest, 1, True

    def _parse(self, block: memoryview, given: int) -> RawBatch:
        """The records of a block, of which ``given`` stand before it."""
        raw = None
        if np.frombuffer(block, np.uint8).min() > 0 and not is_misread(block):
            for decimals in self._decimals:
                raw = raw or self._with_marks(block, given, decimals)
        raw = raw or self._as_text(block, given)
        self._malformed += len(raw.malformed)
        return raw

    def _with_marks(self, block: memoryview, given: int, decimals: Decimals) -> RawBatch | None:
        """The block with the first decimal mark that fits; None where none does."""
        for mark in self._marks:
            try:
                raw = self._typed(block, given, mark, decimals)
            except pa.ArrowInvalid:
                continue
            # What a block was read by is tried first for the next one.
            self._decimals = (decimals, *(other for other in self._decimals if other != decimals))
            return raw
        return None

    def _typed(self, block: memoryview, given: int, mark: str, decimals: Decimals) -> RawBatch:
        """Decimals and dictionaries; raises ArrowInvalid where a value stands in the way."""
        layout = self._layout
        types: dict[str, pa.DataType] = {
            name: pa.binary() if name in self._plain else _DICTIONARY for name in layout.wanted
        }
        types |= {name: narrowed(kind) for name, kind in decimals.items()}
        table = self._read(
            block, None, column_types=types, include_columns=[*types, *layout.trailing],
            decimal_point=mark, null_values=list(layout.nulls),
        )  # fmt: skip
        columns = [self._column(name, table.column(name), decimals) for name in types]
        self._marks = (mark, *(other for other in layout.marks if other != mark))
        return RawBatch(
            pa.RecordBatch.from_arrays(columns, list(types)),
            _numbers(given, table.num_rows, []),
            name=self._name,
            whole=partial(self._whole, block),
        )

    def _as_text(self, block: memoryview, given: int) -> RawBatch:
        """Every column as text; raises SourceRefused where the block is no delimited text."""
        bad: list[Malformed] = []
        text, damaged = self._decoded(block)
        try:
            columns = self._split(text, bad)
        except pa.ArrowInvalid as error:
            raise self._refused(
                f"cannot be split into fields after record {given}: {error}"
            ) from error
        rows = _numbers(given, columns.num_rows, bad)
        return RawBatch(columns, rows, _placed(bad, given), damaged, self._name)

    def _column(self, name: str, chunks: pa.ChunkedArray, decimals: Decimals) -> pa.Array:
        array = chunks.chunk(0) if chunks.num_chunks else pa.array([], chunks.type)
        if pa.types.is_decimal(array.type):
            return widened(array, decimals[name])
        if pa.types.is_dictionary(array.type):
            if len(array.dictionary) > MANY_VALUES * len(array) + 1_000:
                self._plain.add(name)
            return pa.DictionaryArray.from_arrays(array.indices, self._words(array.dictionary))
        text = array.cast(pa.string())
        if not self._layout.is_utf8 and not _all(pc.string_is_ascii(text)):
            raise pa.ArrowInvalid("to be decoded as a whole")
        return text

    def _words(self, values: pa.Array) -> pa.Array:
        if self._layout.is_utf8:
            return values.cast(pa.string())
        encoding = self._layout.encoding
        try:
            return pa.array([word.decode(encoding) for word in values.to_pylist()], pa.string())
        except UnicodeDecodeError as error:
            raise pa.ArrowInvalid(str(error)) from error

    def _decoded(self, block: memoryview) -> tuple[Text, bool]:
        """The block in UTF-8, and whether bytes that are no text were replaced."""
        encoding = self._layout.encoding
        try:
            text = str(block, encoding)
        except UnicodeDecodeError:
            return str(block, encoding, "replace").encode(), True
        return (block if self._layout.is_utf8 else text.encode()), False

    def _whole(self, block: memoryview) -> pa.RecordBatch:
        return self._split(self._decoded(block)[0], [])

    def _split(self, text: Text, bad: list[Malformed]) -> pa.RecordBatch:
        names = self._layout.names
        strings = dict.fromkeys(names, pa.string())
        table = self._read(text, bad, column_types=strings, check_utf8=False)
        batches = table.combine_chunks().to_batches()
        columns = batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)
        return columns.drop_columns(list(self._layout.trailing))

    def _read(self, block: Text, bad: list[Malformed] | None, **convert: Any) -> pa.Table:
        """Split a block; records that cannot be split go to ``bad``, without it they raise."""

        def note(row: pacsv.InvalidRow) -> str:
            assert bad is not None
            reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
            bad.append(Malformed(row.number or 0, row.text[:MAX_TEXT], reason))
            return "skip" if len(bad) + self._malformed <= MAX_MALFORMED else "error"

        layout, names = self._contract.format, list(self._layout.names)
        table = pacsv.read_csv(
            pa.BufferReader(block),
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=len(block) + 1, column_names=names
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self._layout.delimiter,
                quote_char=layout.quote or False,
                # Only where a text ends is looked for by its quotes; a block mostly ends a record.
                newlines_in_values=bool(layout.quote) and bytes(block[-1:]) != b"\n",
                invalid_row_handler=None if bad is None else note,
            ),
            convert_options=pacsv.ConvertOptions(**convert),
        )
        if self._layout.trailing and not _all(pc.equal(table[TRAILING].cast(pa.string()), "")):
            raise self._refused(
                f"has records with a field beyond the {len(names) - 1} of its header: its columns "
                "may be shifted. Fetch it again"
            )
        return table

    def _refused(self, what: str) -> SourceRefused:
        return SourceRefused(f"{self._where} {what}.")


def _ways(contract: Contract, wide: Decimals) -> tuple[Decimals, ...]:
    """Types to read decimals by: their own, then those of many digits, which are rounded later."""
    types = {str(c.source): c.arrow_type for c in contract.columns if c.type == "decimal"}
    exact = {name: types[name] for name in wide}
    return (exact,) if exact == wide else (exact, wide)


def _numbers(given: int, count: int, bad: list[Malformed]) -> pa.Int64Array:
    """Numbers of the next ``count`` records after ``given``, leaving out the malformed ones."""
    numbers = np.arange(1, 1 + count + len(bad), dtype=np.int64)
    if bad:
        numbers = np.delete(numbers, [m.row - 1 for m in bad if m.row <= len(numbers)])
    return pa.array(numbers[:count] + given)


def _placed(bad: list[Malformed], given: int) -> tuple[Malformed, ...]:
    return tuple(replace(m, row=m.row + given) for m in bad)


def _all(condition: pa.Array) -> bool:
    return bool(pc.all(condition, min_count=0).as_py())


DELIMITED = Kind(lambda _: True, DelimitedText)
