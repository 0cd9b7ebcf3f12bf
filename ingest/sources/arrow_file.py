"""Reads Arrow files (Feather version 2): typed columns, handed on as text.

A file is read batch by batch; numbers become the shortest text that tells them, moments their
ISO form. What a file says of its size is checked before anything is unpacked, and its rows are
counted by ``arrow_count``, which shares no code with pyarrow.

https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from ingest.contract import Contract
from ingest.errors import SourceRefused
from ingest.sources import Kind, Part, RawBatch
from ingest.sources.arrow_count import count_rows, is_arrow_file
from ingest.sources.layout import compare_header

ROWS_AT_ONCE = 100_000
_DAMAGE = (pa.ArrowException, OSError, ValueError)  # text that is no UTF-8 among the last
_WORDS = pa.dictionary(pa.int32(), pa.string())


class ArrowFile:
    """One Arrow file; see the module docstring. Raises SourceRefused and SchemaDrift."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._rows = count_rows(path, contract.limits, self._where)
        with self._opened() as reader:
            self._names = self._names_of(reader)
        self._drift = compare_header(contract, name, self._names)

    @property
    def drift(self) -> tuple[str, ...]:
        """Columns that the contract does not know."""
        return self._drift

    def parts(self) -> Iterator[Part]:
        """Pieces of at most 100,000 rows."""
        given = 0
        with self._opened() as reader:
            for number in range(reader.num_record_batches):
                batch = self._batch(reader, number)
                for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                    piece = batch.slice(start, ROWS_AT_ONCE)
                    yield partial(self._parse, piece, given)
                    given += piece.num_rows

    def records_read(self) -> int:
        """Rows as the file's own messages tell them."""
        return self._rows

    def _opened(self) -> ipc.RecordBatchFileReader:
        try:
            return ipc.open_file(pa.OSFile(str(self._path)))
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _names_of(self, reader: ipc.RecordBatchFileReader) -> list[str]:
        try:
            return list(reader.schema.names)
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _batch(self, reader: ipc.RecordBatchFileReader, number: int) -> pa.RecordBatch:
        try:
            batch = reader.get_batch(number)
            batch.validate(full=True)
        except _DAMAGE as error:
            raise self._damaged(error) from error
        return batch

    def _parse(self, batch: pa.RecordBatch, given: int) -> RawBatch:
        known = self._contract.names_of(self._names)
        arrays = {
            known.get(name, name): self._text(name, batch.column(at))
            for at, name in enumerate(self._names)
        }
        wanted = {name: arrays[name] for name in known.values()}
        numbers = pa.array(np.arange(1, batch.num_rows + 1, dtype=np.int64) + given)
        return RawBatch(
            pa.RecordBatch.from_pydict(wanted), numbers, name=self._name,
            whole=lambda: pa.RecordBatch.from_pydict({n: _plain(a) for n, a in arrays.items()}),
        )  # fmt: skip

    def _text(self, name: str, values: pa.Array) -> pa.Array:
        try:
            if pa.types.is_dictionary(values.type):
                return values.cast(_WORDS)
            text = values.cast(pa.string())
        except pa.ArrowException as error:
            raise SourceRefused(
                f"{self._where}: column {name} is of type {values.type}, which is no plain value."
            ) from error
        return text if pa.types.is_floating(values.type) else text.dictionary_encode()

    def _damaged(self, error: Exception) -> SourceRefused:
        return SourceRefused(f"{self._where} is a damaged Arrow file: {error}. Fetch it again.")


FEATHER = Kind(is_arrow_file, ArrowFile)


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values
