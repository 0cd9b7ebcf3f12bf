"""Sources: each yields raw batches, every value still as the publisher wrote it.

A source promises bounded memory, its own record numbers, and a count of records that does not
come from the reader whose output it is held against. It hands out *parts*: each is parsed where
and when the caller likes, several at once, and their order is the order of the source.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ingest.contract import Contract
from ingest.errors import ContractError, SourceRefused

# Readers by the name that contracts give them; the text reader takes what no other knows.
_KINDS = {
    "comtrade_json": "json_records:COMTRADE_JSON",
    "csv": "delimited:DELIMITED",
    "ecb_rates": "ecb_rates:ECB_RATES",
    "eurostat_xlsx": "workbook:EUROSTAT_XLSX",
    "feather": "arrow_file:FEATHER",
    "iati": "iati:IATI",
    "ids_json": "ids_json:IDS_JSON",
    "ids_wide": "ids_wide:IDS_WIDE",
    "imf_wide": "imf:IMF_WIDE",
    "json_table": "json_table:JSON_TABLE",
    "lines": "lines:LINES",
    "ocds_json": "ocds_releases:OCDS_JSON",
    "sheet": "sheet:SHEET_XLSX",
    "xml": "xml_records:XML",
}


@dataclass(frozen=True)
class Malformed:
    """A record that could not be split into fields: its number (from 1), text and what is wrong."""

    row: int
    text: str
    reason: str


@dataclass(frozen=True)
class RawBatch:
    """Some records in source order, and their record numbers (from 1).

    ``columns`` are named by the contract's ``source`` headers: text, text in dictionaries, or
    decimals that are of the contract's type already. ``whole`` gives every column of the source
    as text, for the rows that will be refused; without it ``columns`` are all there is. A column
    that the contract calls optional may be missing. ``damaged`` says that bytes which are no
    text were replaced by U+FFFD somewhere in the batch; ``name`` is the file's.
    """

    columns: pa.RecordBatch
    rows: pa.Int64Array
    malformed: tuple[Malformed, ...] = ()
    damaged: bool = False
    name: str = ""
    whole: Callable[[], pa.RecordBatch] | None = None


Part = Callable[[], RawBatch]


@dataclass(frozen=True)
class Recurring:
    """A part that is known again in a later file by what it is made of.

    ``content`` is its bytes and ``first`` the records before it; ``like`` names all else that
    decides what parsing gives. ``closes`` ends a run of parts: runs end where the content says
    so, so that a change in one run leaves those after it as they were.
    """

    parse: Callable[[], RawBatch]
    content: bytes | memoryview
    first: int
    like: str
    closes: bool

    def __call__(self) -> RawBatch:
        """Parse it."""
        return self.parse()


class Source(Protocol):
    """An opened source; iterate ``parts`` to the end before ``records_read`` is asked."""

    @property
    def drift(self) -> tuple[str, ...]:
        """What differs from the contract's columns without stopping the load."""

    def parts(self) -> Iterator[Part]:
        """Parts in source order; iterating and parsing raise SourceRefused and its kinds."""

    def records_read(self) -> int:
        """Records in the source, counted apart from ``parts``; raises SourceRefused."""


@dataclass(frozen=True)
class Kind:
    """A way in which files are laid out: is this one of it, and its reader."""

    fits: Callable[[Path], bool]
    open: Callable[[Contract, Path, str], Source]  # contract, path, name of the file


def open_source(contract: Contract, path: Path, name: str = "") -> Source:
    """The reader for a file of the contract's kinds; raises SourceRefused and its kinds.

    ``name`` is the file's name where it was found; by default that of ``path``.
    """
    unknown = [kind for kind in contract.format.kinds if kind not in _KINDS]
    if unknown:
        raise ContractError(f"{contract.dataset}: no reader for format {unknown[0]!r}.")
    for kind in map(_kind, contract.format.kinds):
        if len(contract.format.kinds) == 1 or kind.fits(path):
            return kind.open(contract, path, name or path.name)
    raise SourceRefused(
        f"{contract.dataset}: {name or path.name} is of no kind that this dataset is published "
        f"in ({', '.join(contract.format.kinds)})."
    )


def _kind(name: str) -> Kind:
    """The kind of that name; its reader, and the libraries of that, are imported only now."""
    module, _, attribute = _KINDS[name].partition(":")
    kind: Kind = getattr(import_module(f"ingest.sources.{module}"), attribute)
    return kind
