"""Reads tables that people keep in workbooks: a row of headings, then a row per record.

The headings may stand below a title, in any order and with other columns among them; every sheet
that has them is read. Rows without a filled cell are no records. Cells become text: dates in ISO
form, whole numbers without a point. How records are counted apart says ``sheet_scan``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from python_calamine import CalamineWorkbook

from ingest.contract import Contract
from ingest.errors import SchemaDrift, SourceRefused
from ingest.sources import Kind, Part, RawBatch
from ingest.sources.sheet_scan import count_rows, headings, is_heading_row
from ingest.sources.workbook_scan import is_workbook
from ingest.sources.workbook_table import letters

SHEET, ROW = "(sheet)", "(row)"  # shown with refused rows
MAX_ROWS_ABOVE = 50
_EXACT = 2**53  # whole numbers beyond are not exact in a workbook


@dataclass(frozen=True)
class _Table:
    """One sheet's table: all columns from A on, and the rows that hold something."""

    sheet: str
    names: tuple[str, ...]
    rows: tuple[tuple[int, Sequence[object]], ...]  # row number in the sheet, from 1


class SheetTable:
    """One workbook; see the module docstring. Raises SourceRefused, SchemaDrift, HostileInput."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._needed = headings(contract)
        self._records = count_rows(path, contract, self._where)
        book = _open(path, self._where)
        found = (self._table(book, sheet) for sheet in book.sheet_names)
        self._tables = [table for table in found if table]
        if not self._tables:
            wanted = ", ".join(ways[0] for ways in self._needed)
            raise SchemaDrift(
                f"{self._where} has no sheet with the headings {wanted}. Take the template of "
                "docs/templates, or write these words into the first row."
            )

    @property
    def drift(self) -> tuple[str, ...]:
        """Columns that the contract does not know."""
        names = dict.fromkeys(name for table in self._tables for name in table.names)
        unknown = self._contract.unknown([name for name in names if not name.startswith("(")])
        return tuple(f"unknown column {name[:60]}" for name in unknown[:100])

    def parts(self) -> Iterator[Part]:
        """One part a sheet."""
        given = 0
        for table in self._tables:
            if table.rows:
                yield partial(self._parse, table, given)
            given += len(table.rows)

    def records_read(self) -> int:
        """Rows as counted in the XML."""
        return self._records

    def _table(self, book: CalamineWorkbook, sheet: str) -> _Table | None:
        try:
            grid = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        except BaseException as error:
            raise _unreadable(error, f"{self._where}, sheet {sheet!r}") from error
        for at, row in enumerate(grid[:MAX_ROWS_ABOVE]):
            texts = [_text(cell).strip().lower() for cell in row]
            if is_heading_row(texts, self._needed):
                known = self._contract.names_of(texts)
                names = tuple(
                    known.get(text, text) or f"({letters(n)})" for n, text in enumerate(texts, 1)
                )
                self._check_once(names, sheet)
                below = enumerate(grid[at + 1 :], at + 2)
                held = ((n, cells) for n, cells in below if any(_text(c).strip() for c in cells))
                return _Table(sheet, names, tuple(held))
        return None

    def _check_once(self, names: tuple[str, ...], sheet: str) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SchemaDrift(
                f"{self._where}, sheet {sheet!r} has the heading {', '.join(twice)} more than once."
            )

    def _parse(self, table: _Table, given: int) -> RawBatch:
        columns = {
            name: pa.array([_text(cells[at]) for _, cells in table.rows], pa.string())
            for at, name in enumerate(table.names)
        }
        batch = pa.RecordBatch.from_pydict(columns)
        numbers = pa.array(np.arange(1, batch.num_rows + 1, dtype=np.int64) + given)
        return RawBatch(batch, numbers, name=self._name, whole=partial(_whole, batch, table))


def _whole(batch: pa.RecordBatch, table: _Table) -> pa.RecordBatch:
    """All columns, and where each record stands."""
    texts = {name: batch.column(name) for name in batch.schema.names}
    texts[SHEET] = pa.array([table.sheet] * batch.num_rows, pa.string())
    texts[ROW] = pa.array([str(number) for number, _ in table.rows], pa.string())
    return pa.RecordBatch.from_pydict(texts)


def _text(cell: object) -> str:
    """A cell as text."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT:
        return str(int(cell))
    if isinstance(cell, datetime):
        whole = cell.hour == cell.minute == cell.second == 0
        return cell.date().isoformat() if whole else cell.isoformat(sep=" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _open(path: Path, where: str) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(str(path))
    except BaseException as error:
        raise _unreadable(error, where) from error


def _unreadable(error: BaseException, where: str) -> BaseException:
    """The error to raise: the library's own panics are no Exception, an interrupt stays one."""
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        return SourceRefused(f"{where} cannot be read as a workbook: {error}.")
    return error


SHEET_XLSX = Kind(is_workbook, SheetTable)
