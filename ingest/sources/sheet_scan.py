"""Counts the rows of tables that people keep in workbooks, in the XML, apart from their reader.

A sheet with a row of the needed headings is a table; its records are the rows below that hold
anything but blanks. Bounds and checks are those of ``workbook_scan``.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ingest.contract import Contract
from ingest.contract_column import FILE_NAME
from ingest.sources.workbook_scan import SheetCounter, count_records

Headings = tuple[tuple[str, ...], ...]


def headings(contract: Contract) -> Headings:
    """The columns that a table must have, each by all its names in lower case."""
    return tuple(
        tuple(name.lower() for name in (column.source, *column.aliases))
        for column in contract.columns
        if column.source and column.source != FILE_NAME and not column.optional
    )


def is_heading_row(texts: Sequence[str], needed: Headings) -> bool:
    """True for a row that has every needed heading; ``texts`` are in lower case."""
    present = set(texts)
    return all(present.intersection(ways) for ways in needed)


def count_rows(path: Path, contract: Contract, where: str) -> int:
    """Records of a workbook's tables; raises SourceRefused and HostileInput."""
    counter = partial(_RowCounter, headings(contract))
    return count_records(path, contract.limits, where, counter)


class _RowCounter(SheetCounter):
    """Counts the filled rows below the headings."""

    def __init__(self, needed: Headings, where: str, strings: list[str]) -> None:
        super().__init__(where, strings)
        self._needed = needed
        self._found = False

    def close_row(self, cells: dict[int, str]) -> None:
        """A row is at its end."""
        if self._found:
            self.count += bool(cells)
        else:
            texts = [text.lower() for text in cells.values()]
            self._found = is_heading_row(texts, self._needed)
