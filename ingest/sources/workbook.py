"""Reads workbooks of Eurostat's Data Browser (DS-045409): a sheet per product, months across.

Above a sheet's table stand the dimensions that are the same in all of it, such as PRODUCT and
FLOW; the row TIME names the periods; the rows below are labelled with the other dimensions
(``workbook_table`` finds all this). A cell with ``:`` is no record; every other cell of the table
is one, also an empty one. The size that a sheet declares is not trusted: it is mostly ``A1``. How
records are counted apart from this reader says ``workbook_scan``.

https://ec.europa.eu/eurostat/databrowser/product/view/ds-045409
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineWorkbook

from ingest.contract import Contract
from ingest.errors import SourceRefused
from ingest.sources import Kind, Part, RawBatch
from ingest.sources.workbook_scan import MISSING, count_records, is_workbook
from ingest.sources.workbook_table import Table, letters, read_table

NO_TABLES = ("Summary", "Structure")  # sheets that every download has
_EXACT = 2**53  # whole numbers beyond are not exact in a workbook


class EurostatWorkbook:
    """One workbook; see the module docstring. Raises SourceRefused and HostileInput."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._records = count_records(path, contract.limits, self._where)
        self._workbook = _open(path, self._where)
        self._sheets = [s for s in self._workbook.sheet_names if s not in NO_TABLES]
        if not self._sheets:
            raise SourceRefused(f"{self._where} is a workbook without a sheet of data.")

    @property
    def drift(self) -> tuple[str, ...]:
        """Nothing: a sheet of another layout is refused."""
        return ()

    def parts(self) -> Iterator[Part]:
        """One part per sheet."""
        given = 0
        for sheet in self._sheets:
            table = read_table(_grid(self._workbook, sheet, self._where), sheet, self._where)
            held = table.cells != MISSING
            yield partial(_melt, table, held, given, self._name)
            given += int(held.sum())

    def records_read(self) -> int:
        """Records as counted in the XML."""
        return self._records


EUROSTAT_XLSX = Kind(is_workbook, EurostatWorkbook)


def _melt(table: Table, held: np.ndarray, given: int, name: str) -> RawBatch:
    """The held cells as records, row after row; ``given`` records stand before them."""
    rows, columns = (at.astype(np.int32) for at in np.nonzero(held))
    arrays = {
        column: _chosen(of, rows if len(of) > 1 else np.zeros(len(rows), np.int32))
        for column, of in table.labels.items()
    }
    arrays["period"] = _chosen(table.periods, columns)
    arrays["value_eur"] = _texts(table.cells[held])
    batch = pa.RecordBatch.from_pydict(arrays)
    numbers = pa.array(np.arange(1, len(rows) + 1, dtype=np.int64) + given)
    return RawBatch(batch, numbers, name=name, whole=partial(_whole, batch, table, rows, columns))


def _whole(
    batch: pa.RecordBatch, table: Table, rows: np.ndarray, columns: np.ndarray
) -> pa.RecordBatch:
    """The records as text, with the sheet and the cell that each was."""
    texts = {name: _plain(batch.column(name)) for name in batch.schema.names}
    places = _plain(_chosen([letters(at) for at in table.columns], columns))
    numbers = pa.array(rows + table.top).cast(pa.string())
    texts["sheet"] = pa.array([table.sheet] * len(rows), pa.string())
    texts["cell"] = pc.binary_join_element_wise(places, numbers, "")
    return pa.RecordBatch.from_pydict(texts)


def _open(path: Path, where: str) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(str(path))
    except BaseException as error:
        raise _unreadable(error, where) from error


def _grid(workbook: CalamineWorkbook, sheet: str, where: str) -> np.ndarray:
    """All cells from A1 on, texts without blanks around them; others as the workbook holds them."""
    try:
        rows = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except BaseException as error:
        raise _unreadable(error, f"{where}, sheet {sheet!r}") from error
    grid = np.empty((len(rows), len(rows[0]) if rows else 0), dtype=object)
    if not grid.size:
        raise SourceRefused(f"{where}, sheet {sheet!r} is empty.")
    grid[:] = rows
    for word in {cell for row in rows for cell in row if isinstance(cell, str)}:
        if word != word.strip():
            grid[grid == word] = word.strip()
    return grid


def _unreadable(error: BaseException, where: str) -> BaseException:
    """The error to raise: the library's own panics are no Exception, an interrupt stays one."""
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        return SourceRefused(f"{where} cannot be read as a workbook: {error}.")
    return error


def _texts(values: np.ndarray) -> pa.Array:
    """Cells as text: whole numbers without a point, others with the digits that tell them."""
    kinds = {type(value) for value in values.tolist()}
    if kinds <= {float, int}:
        numbers = values.astype(np.float64)
        if (np.abs(numbers) < _EXACT).all() and (numbers == np.rint(numbers)).all():
            return pa.array(numbers.astype(np.int64)).cast(pa.string())
    return pa.array([_text(value) for value in values.tolist()], pa.string())


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value)


def _chosen(words: Sequence[str], at: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(at), pa.array(words, pa.string()))


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values
