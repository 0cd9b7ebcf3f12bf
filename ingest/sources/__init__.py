"""Sources: each yields raw record batches, every value still as the publisher wrote it.

A source promises bounded memory, its own record numbers, and a count of records that does not
come from the reader whose output it is held against.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ingest.contract import Contract
from ingest.errors import ContractError


@dataclass(frozen=True)
class Malformed:
    """A record that could not be split into fields: its number (from 1), text and what is wrong."""

    row: int
    text: str
    reason: str


@dataclass(frozen=True)
class RawBatch:
    """Some records in source order: columns of text named by header, and the record numbers.

    ``damaged`` says that bytes which are no text were replaced by U+FFFD somewhere in the source.
    """

    columns: pa.RecordBatch
    rows: pa.Int64Array
    malformed: tuple[Malformed, ...]
    damaged: bool = False


class Source(Protocol):
    """An opened source; iterate ``batches`` to the end before ``records_read`` is asked."""

    @property
    def drift(self) -> tuple[str, ...]:
        """What differs from the contract's columns without stopping the load."""

    def batches(self) -> Iterator[RawBatch]:
        """Raw batches in source order; raises SourceRefused and its kinds."""

    def records_read(self) -> int:
        """Records in the source, counted apart from ``batches``."""


def open_source(contract: Contract, path: Path) -> Source:
    """The reader for the contract's format; raises SourceRefused and its kinds."""
    from ingest.sources.delimited import DelimitedText

    if contract.format.kind == "csv":
        return DelimitedText(contract, path)
    raise ContractError(f"{contract.dataset}: no reader for format {contract.format.kind!r}.")
