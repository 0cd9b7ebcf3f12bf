"""Reads records from JSON answers, one or several one after the other.

pyarrow parses a block of records straight into decimals and text; a block in which that fails is
parsed again value by value, so that each bad value is found and told. Either way gives the same
rows. Where records lie, and how many there are, comes from ``json_scan``, which shares no code
with the parser.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pajson

from ingest.containers import open_bytes
from ingest.contract import Contract, Limits
from ingest.decimals import is_misread, read_type
from ingest.errors import SchemaDrift, SourceRefused
from ingest.sources import Kind, Malformed, Part, RawBatch
from ingest.sources.json_scan import AnswerScanner, Block

BLOCK_BYTES = 4 * 1024**2
MAX_MALFORMED, MAX_TEXT = 10_000, 4_000
_CODE = pa.decimal128(20, 0)  # a code that is written as a number
_CHANGED = re.compile(r"Column\(/(.+)\) changed from \w+ to (\w+) in row")
_LEARNT = {"string": pa.string(), "number": _CODE, "boolean": pa.bool_()}


class JsonRecords:
    """One file of JSON answers; see the module docstring. Raises SourceRefused and SchemaDrift."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._scanner = AnswerScanner(self._where)
        self._malformed = 0
        self._types: dict[str, pa.DataType] = {}
        self._drift: tuple[str, ...] = ()
        first = next(self._blocks(AnswerScanner(self._where)), None)
        if first:
            self._known(first)

    @property
    def drift(self) -> tuple[str, ...]:
        """Keys that the contract does not know."""
        return self._drift

    def parts(self) -> Iterator[Part]:
        """Blocks of whole records, about 4 MiB each."""
        given = 0
        for block in self._blocks(self._scanner):
            yield partial(self._parse, block, given)
            given += block.records

    def records_read(self) -> int:
        """Records as the answers count them."""
        return self._scanner.finish()

    def _blocks(self, scanner: AnswerScanner) -> Iterator[Block]:
        with open_bytes(self._path, self._contract.limits, self._where) as stream:
            while chunk := stream.read(BLOCK_BYTES):
                block = scanner.feed(chunk)
                if block.records:
                    yield block

    def _known(self, first: Block) -> None:
        """Take the keys from the first record; raises SchemaDrift where some lack."""
        contract = self._contract
        try:
            record = json.loads(first.record(0))
        except ValueError:
            record = dict.fromkeys(contract.header_names)  # it will be told as malformed
        known = contract.names_of(list(record))
        got = {known.get(key, key) for key in record}
        lacks = [c for c in contract.source_columns if c not in got and c not in contract.may_lack]
        unknown = contract.unknown(list(record))
        if lacks:
            raise SchemaDrift(
                f"{self._where} misses the key {', '.join(lacks)} in its first record. If the "
                f"publisher renamed it, change 'source' in {contract.dataset}.yml and raise its "
                "version."
            )
        if unknown and contract.unknown_columns == "stop":
            raise SchemaDrift(
                f"{self._where} has the unknown key {', '.join(unknown)[:200]}. Describe it in "
                f"{contract.dataset}.yml and raise its version."
            )
        self._drift = tuple(f"unknown column {key[:60]}" for key in unknown[:100])
        decimals = {c.source: read_type(c) for c in contract.columns if c.type == "decimal"}
        # Text until a block teaches otherwise.
        self._types = {key: decimals.get(name, pa.string()) for key, name in known.items()}

    def _parse(self, block: Block, given: int) -> RawBatch:
        raw = None if is_misread(block.lines) else self._typed(block, given)
        raw = raw or self._by_value(block, given)
        self._malformed += len(raw.malformed)
        if self._malformed > MAX_MALFORMED:
            raise SourceRefused(
                f"{self._where} has more than {MAX_MALFORMED} records that are no JSON objects."
            )
        return raw

    def _typed(self, block: Block, given: int) -> RawBatch | None:
        """The block by pyarrow; None where a value stands in the way."""
        types = self._types
        for _ in range(len(types) + 1):
            try:
                table = _read(block, types)
            except pa.ArrowInvalid as error:
                learnt = _learn(types, str(error))
                if learnt is None:
                    return None
                types = learnt
                continue
            if table.num_rows != block.records:
                return None
            self._types = types
            rows = pa.array(np.arange(1, block.records + 1, dtype=np.int64) + given)
            return RawBatch(
                self._columns(table), rows, name=self._name,
                whole=lambda: self._by_value(block, given).columns,
            )  # fmt: skip
        return None

    def _columns(self, table: pa.Table) -> pa.RecordBatch:
        """Columns by the contract's first names; text in dictionaries."""
        known, columns = self._contract.header_names, dict[str, pa.Array]()
        decimals = {c.source for c in self._contract.columns if c.type == "decimal"}
        for key in table.schema.names:
            array, name = table.column(key).combine_chunks(), known[key]
            columns[name] = array if name in decimals else _in_words(array)
        return pa.RecordBatch.from_pydict(columns)

    def _by_value(self, block: Block, given: int) -> RawBatch:
        """Every value as text; a record that is no object is handed on as malformed."""
        known = self._contract.header_names
        rows: list[dict[str, str | None]] = []
        numbers: list[int] = []
        bad: list[Malformed] = []
        damaged = False
        for number in range(block.records):
            text = block.record(number).decode("utf-8", "replace")
            damaged = damaged or "\ufffd" in text
            try:
                record = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
            except ValueError as error:
                bad.append(Malformed(given + number + 1, text[:MAX_TEXT], str(error)))
                continue
            rows.append({known.get(key, key): _as_text(value) for key, value in record.items()})
            numbers.append(given + number + 1)
        names = dict.fromkeys([*self._contract.source_columns, *(key for r in rows for key in r)])
        columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
        batch = pa.RecordBatch.from_pydict(columns)
        return RawBatch(batch, pa.array(numbers, pa.int64()), tuple(bad), damaged, self._name)


def _read(block: Block, types: dict[str, pa.DataType]) -> pa.Table:
    return pajson.read_json(
        pa.BufferReader(block.lines),
        read_options=pajson.ReadOptions(use_threads=False, block_size=len(block.lines) + 1),
        parse_options=pajson.ParseOptions(
            explicit_schema=pa.schema(list(types.items())),
            newlines_in_values=block.lines.count(b"\n") >= block.records,
            unexpected_field_behavior="ignore",
        ),
    )


def _learn(types: dict[str, pa.DataType], message: str) -> dict[str, pa.DataType] | None:
    """The types with another for the key that an error names; None where that is no way out."""
    found = _CHANGED.search(message)
    if not found or types.get(found[1]) != pa.string() or found[2] not in _LEARNT:
        return None
    return {**types, found[1]: _LEARNT[found[2]]}


def _in_words(array: pa.Array) -> pa.DictionaryArray:
    return array.cast(pa.string()).dictionary_encode(null_encoding="encode")


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False)


def _is_json(path: Path) -> bool:
    try:
        with open_bytes(path, Limits()) as stream:
            head = stream.read(4096)
    except SourceRefused:
        return False  # the reader that takes it for something else will say so by its name
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


COMTRADE_JSON = Kind(_is_json, JsonRecords)
