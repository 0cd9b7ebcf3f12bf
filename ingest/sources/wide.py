"""Reads wide text: a line per series, a column per period, every filled cell a record.

A line of series whose cells are all empty has none, and a line that cannot be split into the
header's fields is one malformed record. What the columns are, and what else a series tells, is a
publisher's ``Form``. pyarrow splits the fields; ``count_cells`` counts the records in the bytes,
apart from it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.containers import open_bytes
from ingest.contract import Contract
from ingest.errors import IngestError, SourceRefused
from ingest.records import RecordCounter
from ingest.sources import Malformed, Part, RawBatch
from ingest.sources.layout import encoding_of

BLOCK_BYTES = 1024**2
MAX_RECORD_BYTES = 1024**2
MAX_MALFORMED, MAX_TEXT = 10_000, 4_000
_COMMA, _QUOTE, _LF, _CR = 44, 34, 10, 13
Texts = dict[str, pa.Array]


@dataclass(frozen=True)
class Header:
    """Which columns of a file are what; all are names in ``names``."""

    names: tuple[str, ...]
    named: Mapping[str, str]  # our column -> the file's
    valued: tuple[str, ...]  # columns whose cells are records
    periods: str | None  # the column that tells the period, where the header does not


@dataclass(frozen=True)
class Form:
    """One publisher's wide form.

    ``read_header`` finds out what the columns of a header are (contract, header, place for
    messages; raises SchemaDrift); ``derive`` makes the record's columns from what a line tells,
    all but the period and the value; ``told`` are further columns to show with refused rows.
    """

    read_header: Callable[[Contract, str, str], Header]
    derive: Callable[[Texts, Header], Texts]
    value: str  # names of the two columns that the cells make
    period: str = "period"
    told: tuple[str, ...] = ()
    member: str = ""  # a regex: which file of a zip with several


class WideText:
    """One download; see the module docstring. Raises SourceRefused and SchemaDrift."""

    def __init__(self, contract: Contract, path: Path, name: str, form: Form) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._form = form
        self._where = f"{contract.dataset}: {name}"
        self._lines = RecordCounter('"', MAX_RECORD_BYTES)
        self._records = self._malformed = 0
        self._encoding = encoding_of(contract.format.encodings, self._chunks())
        line = _first_line(self._chunks(), self._where, self._encoding)
        self._header = form.read_header(contract, line, self._where)
        told = {*self._header.named.values(), *self._header.valued, self._header.periods}
        self._drift = tuple(n for n in contract.unknown(self._header.names) if n not in told)

    @property
    def drift(self) -> tuple[str, ...]:
        """Columns that neither the reader nor the contract knows."""
        return tuple(f"unknown column {name[:60]}" for name in self._drift[:100] if name)

    def parts(self) -> Iterator[Part]:
        """Blocks of whole lines, about 1 MiB each."""
        names = self._header.names
        valued = np.array([name in self._header.valued for name in names])
        header = True
        for block in self._blocks():
            if header:
                block, header = block.partition(b"\n")[2], False
            count = count_cells(block, valued)
            if count:
                yield partial(self._parse, block, self._records)
            self._records += count

    def records_read(self) -> int:
        """Cells that hold a value, and lines that cannot be split."""
        try:
            self._lines.finish()
        except IngestError as error:
            raise SourceRefused(f"{self._where} {error}.") from error
        if not self._lines.ends_with_newline:
            raise SourceRefused(
                f"{self._where} ends inside its last line: it was cut in transfer. Fetch it again."
            )
        return self._records

    def _chunks(self) -> Iterator[bytes]:
        limits, member = self._contract.limits, self._form.member
        with open_bytes(self._path, limits, self._name, member) as stream:
            while chunk := stream.read(BLOCK_BYTES):
                yield chunk

    def _blocks(self) -> Iterator[bytes]:
        rest, offset = b"", 0
        for chunk in self._chunks():
            self._lines.feed(chunk)
            rest, base = rest + chunk, offset - len(rest)
            offset += len(chunk)
            cut = self._lines.record_start - base
            if cut > 0:
                yield rest[:cut]
                rest = rest[cut:]
        if rest:
            yield rest

    def _parse(self, block: bytes, given: int) -> RawBatch:
        """The records of a block, of which ``given`` stand before it."""
        bad: list[Malformed] = []
        try:
            text, damaged = block.decode(self._encoding).encode(), False
        except UnicodeDecodeError:
            text, damaged = block.decode(self._encoding, "replace").encode(), True
        table = _split(text, self._header.names, bad)
        self._malformed += len(bad)
        if self._malformed > MAX_MALFORMED:
            raise SourceRefused(
                f"{self._where} has more than {MAX_MALFORMED} lines that do not have the "
                f"{len(self._header.names)} fields of its header."
            )
        return _melt(table, self._header, self._form, bad, given, damaged, self._name)


def count_cells(block: bytes, valued: np.ndarray) -> int:
    """Records in whole lines of text: filled cells of the valued columns, and malformed lines."""
    data = np.frombuffer(block, dtype=np.uint8)
    if not len(data):
        return 0
    inside = np.bitwise_xor.accumulate(data == _QUOTE)
    ends = np.flatnonzero(((data == _COMMA) | (data == _LF)) & ~inside)
    if not len(ends) or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    closes = data[np.minimum(ends, len(data) - 1)] == _LF
    closes[-1] = True
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    lengths -= closes & (lengths > 0) & (data[ends - 1] == _CR)
    quoted = (lengths == 2) & (data[starts % len(data)] == _QUOTE)
    filled = (lengths > 0) & ~quoted
    line = np.cumsum(closes) - closes
    fields = np.bincount(line)
    place = np.arange(len(ends)) - (np.cumsum(fields) - fields)[line]
    good = fields == len(valued)
    blank = (fields == 1) & ~filled[np.cumsum(fields) - fields]
    cells = filled & good[line] & valued[np.minimum(place, len(valued) - 1)]
    return int(cells.sum()) + int((~good & ~blank).sum())


def _first_line(chunks: Iterator[bytes], where: str, encoding: str) -> str:
    head = b""
    while b"\n" not in head and len(head) < MAX_RECORD_BYTES and (chunk := next(chunks, b"")):
        head += chunk
    try:
        name = "utf-8-sig" if encoding == "utf-8" else encoding
        return head.partition(b"\n")[0].decode(name)
    except UnicodeDecodeError as error:
        raise SourceRefused(
            f"{where} has a header that is not {encoding.upper()}: wrong encoding."
        ) from error


def _split(text: bytes, names: tuple[str, ...], bad: list[Malformed]) -> pa.Table:
    """All columns as text; a line of another number of fields goes to ``bad``."""

    def note(row: pacsv.InvalidRow) -> str:
        reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
        bad.append(Malformed(row.number or 0, row.text[:MAX_TEXT], reason))
        return "skip"

    return pacsv.read_csv(
        pa.BufferReader(text),
        read_options=pacsv.ReadOptions(
            use_threads=False, block_size=len(text) + 1, column_names=list(names)
        ),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), check_utf8=False
        ),
    ).combine_chunks()


def _melt(
    table: pa.Table,
    header: Header,
    form: Form,
    bad: list[Malformed],
    given: int,
    damaged: bool,
    name: str,
) -> RawBatch:
    """The filled cells as records, line after line."""
    cells = [_array(table, column) for column in header.valued]
    held = np.column_stack([np.asarray(pc.not_equal(column, "")) for column in cells])
    rows, columns = np.nonzero(held)
    counts = held.sum(axis=1)
    starts, malformed = _numbered(counts, bad, given)
    rank = np.arange(len(rows)) - np.concatenate(([0], np.cumsum(counts)))[rows]
    words = {ours: _array(table, theirs) for ours, theirs in header.named.items()}
    picked = {ours: _picked(texts, rows) for ours, texts in form.derive(words, header).items()}
    if header.periods:
        picked[form.period] = _picked(_array(table, header.periods), rows)
    else:
        picked[form.period] = pa.DictionaryArray.from_arrays(
            pa.array(columns.astype(np.int32)), pa.array(header.valued, pa.string())
        )
    every = pa.concat_arrays(cells)
    picked[form.value] = every.take(pa.array(columns * table.num_rows + rows))
    batch = pa.RecordBatch.from_pydict(picked)
    numbers = pa.array(starts[rows] + rank)
    whole = partial(_whole, batch, table, rows, form.told)
    return RawBatch(batch, numbers, malformed, damaged, name, whole)


def _numbered(
    counts: np.ndarray, bad: list[Malformed], given: int
) -> tuple[np.ndarray, tuple[Malformed, ...]]:
    """The number of the first record of each good line; malformed lines with theirs."""
    at = np.array([m.row - 1 for m in bad], dtype=np.int64)
    good = np.setdiff1d(np.arange(len(counts) + len(bad)), at)
    every = np.ones(len(counts) + len(bad), dtype=np.int64)
    every[good] = counts
    first = given + 1 + np.cumsum(every) - every
    placed = (Malformed(int(first[m.row - 1]), m.text, m.reason) for m in bad)
    return first[good], tuple(placed)


def _whole(
    batch: pa.RecordBatch, table: pa.Table, rows: np.ndarray, told: tuple[str, ...]
) -> pa.RecordBatch:
    """The records as text, with what tells their series."""
    texts = {name: _plain(batch.column(name)) for name in batch.schema.names}
    for name in told:
        if name in table.schema.names:
            texts[name] = _array(table, name).take(pa.array(rows))
    return pa.RecordBatch.from_pydict(texts)


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks else pa.array([], pa.string())


def _picked(values: pa.Array, rows: np.ndarray) -> pa.DictionaryArray:
    words = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(words.indices.take(pa.array(rows)), words.dictionary)


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values
