"""Reads the IMF's downloads of trade by partner (IMTS): a line per series, a column per period.

Each cell of a period that is not empty is a record; a line of series whose cells are all empty has
none, and a line that cannot be split into the header's fields is one malformed record. Periods
stand as 2024, 2024-Q1 or 2024-M01, all three in one file where that was asked for; the portal's
other layout, a line per observation with TIME_PERIOD and OBS_VALUE, is read too. Countries and
indicators are taken by their codes (``COUNTRY.ID``), by their labels where a file has no codes.

pyarrow splits the fields; ``count_cells`` counts the records in the bytes, apart from it.
https://data.imf.org/en/datasets/IMF.STA:IMTS
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.containers import open_bytes
from ingest.contract import Contract, Limits
from ingest.errors import IngestError, SchemaDrift, SourceRefused
from ingest.records import RecordCounter
from ingest.sources import Kind, Malformed, Part, RawBatch

BLOCK_BYTES = 1024**2
MAX_RECORD_BYTES = 1024**2
MAX_MALFORMED, MAX_TEXT = 10_000, 4_000
PERIOD = re.compile(r"[0-9]{4}(-(Q[1-4]|M(0[1-9]|1[0-2])|S[12]))?")
# Our column -> the publisher's, the code before the label; a file must have one of each but scale.
NAMED = {
    "reporter": ("COUNTRY.ID", "COUNTRY"),
    "partner": ("COUNTERPART_COUNTRY.ID", "COUNTERPART_COUNTRY"),
    "indicator": ("INDICATOR.ID", "INDICATOR"),
    "scale": ("SCALE", "SCALE.ID"),
}
TOLD = ("SERIES_CODE", "COUNTRY", "COUNTERPART_COUNTRY", "INDICATOR")  # shown with refused rows
# XG_FOB_USD, or "Exports of goods, Free on board (FOB), US dollar"
_FLOW = (
    r"^(?P<flow>XG|MG|Exports of goods|Imports of goods)(?:_|, .*\()(?P<valuation>FOB|CIF)"
    r"(?:_USD|\), US dollar)$"
)
_COMMA, _QUOTE, _LF, _CR = 44, 34, 10, 13


@dataclass(frozen=True)
class Header:
    """Which columns of a file are what; all numbers are places in ``names``."""

    names: tuple[str, ...]
    named: dict[str, str]  # our column -> the file's
    valued: tuple[str, ...]  # columns whose cells are records
    periods: str | None  # the column that tells the period, where the header does not


class ImfWide:
    """One download; see the module docstring. Raises SourceRefused and SchemaDrift."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._lines = RecordCounter('"', MAX_RECORD_BYTES)
        self._records = self._malformed = 0
        with open_bytes(path, contract.limits, name) as stream:
            self._header = read_header(_first_line(stream, self._where), self._where)
        told = {*self._header.named.values(), *self._header.valued, self._header.periods}
        self._drift = tuple(n for n in contract.unknown(self._header.names) if n not in told)

    @property
    def drift(self) -> tuple[str, ...]:
        """Columns that neither the reader nor the contract knows."""
        return tuple(f"unknown column {name[:60]}" for name in self._drift[:100])

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

    def _blocks(self) -> Iterator[bytes]:
        rest, offset = b"", 0
        with open_bytes(self._path, self._contract.limits, self._name) as stream:
            while chunk := stream.read(BLOCK_BYTES):
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
            text, damaged = block.decode().encode(), False
        except UnicodeDecodeError:
            text, damaged = block.decode("utf-8", "replace").encode(), True
        table = _split(text, self._header.names, bad)
        self._malformed += len(bad)
        if self._malformed > MAX_MALFORMED:
            raise SourceRefused(
                f"{self._where} has more than {MAX_MALFORMED} lines that do not have the "
                f"{len(self._header.names)} fields of its header."
            )
        return _melt(table, self._header, bad, given, damaged, self._name)


def read_header(line: str, where: str) -> Header:
    """What the columns of a header are; raises SchemaDrift where one is missing or twice."""
    names = tuple(name.strip() for name in next(csv.reader(io.StringIO(line)), []))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SchemaDrift(f"{where} has the column {', '.join(twice)} more than once.")
    named = {
        ours: next(name for name in ways if name in names)
        for ours, ways in NAMED.items()
        if any(name in names for name in ways)
    }
    lacking = [NAMED[ours][0] for ours in NAMED if ours not in named and ours != "scale"]
    if lacking:
        raise SchemaDrift(f"{where} misses the column {', '.join(lacking)}.")
    valued = tuple(name for name in names if PERIOD.fullmatch(name))
    if not valued and {"TIME_PERIOD", "OBS_VALUE"} <= set(names):
        return Header(names, named, ("OBS_VALUE",), "TIME_PERIOD")
    if not valued:
        raise SchemaDrift(
            f"{where} has no column of a period such as 2024 or 2024-M01, nor TIME_PERIOD and "
            "OBS_VALUE."
        )
    return Header(names, named, valued, None)


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


def _first_line(stream: io.BufferedIOBase, where: str) -> str:
    head = b""
    while b"\n" not in head and len(head) < MAX_RECORD_BYTES:
        chunk = stream.read(64 * 1024)
        if not chunk:
            break
        head += chunk
    try:
        return head.partition(b"\n")[0].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceRefused(f"{where} has a header that is not UTF-8: wrong encoding.") from error


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
    table: pa.Table, header: Header, bad: list[Malformed], given: int, damaged: bool, name: str
) -> RawBatch:
    """The filled cells as records, line after line."""
    cells = [_array(table, column) for column in header.valued]
    held = np.column_stack([np.asarray(pc.not_equal(column, "")) for column in cells])
    rows, columns = np.nonzero(held)
    starts, malformed = _numbered(held.sum(axis=1), bad, given)
    rank = np.arange(len(rows)) - np.concatenate(([0], np.cumsum(held.sum(axis=1))))[rows]
    words = {ours: _array(table, theirs) for ours, theirs in header.named.items()}
    flows = pc.extract_regex(words["indicator"], _FLOW)
    arrays = {ours: words[ours] for ours in ("reporter", "partner", "scale") if ours in words}
    for part in ("flow", "valuation"):
        arrays[part] = pc.coalesce(pc.struct_field(flows, part), words["indicator"])
    picked = {ours: _picked(values, rows) for ours, values in arrays.items()}
    if header.periods:
        picked["period"] = _picked(_array(table, header.periods), rows)
    else:
        words_of_periods = pa.array(header.valued, pa.string())
        picked["period"] = pa.DictionaryArray.from_arrays(
            pa.array(columns.astype(np.int32)), words_of_periods
        )
    every = pa.concat_arrays(cells)
    picked["value_usd_millions"] = every.take(pa.array(columns * table.num_rows + rows))
    batch = pa.RecordBatch.from_pydict(picked)
    numbers = pa.array(starts[rows] + rank)
    whole = partial(_whole, batch, table, rows)
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


def _whole(batch: pa.RecordBatch, table: pa.Table, rows: np.ndarray) -> pa.RecordBatch:
    """The records as text, with what tells their series."""
    texts = {name: _plain(batch.column(name)) for name in batch.schema.names}
    for name in TOLD:
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


def _is_imf(path: Path) -> bool:
    try:
        with open_bytes(path, Limits()) as stream:
            line = stream.read(64 * 1024).partition(b"\n")[0]
    except SourceRefused:
        return False  # the reader that takes it will say why, and call the file by its name
    return b"COUNTERPART_COUNTRY" in line and b"INDICATOR" in line


IMF_WIDE = Kind(_is_imf, ImfWide)
