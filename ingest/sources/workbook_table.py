"""Finds the table in a sheet of Eurostat's Data Browser: its rows, its periods, what all of it is.

Where each dimension stands is read from the sheet, since it depends on what was asked for: above
the table when it is the same in all of it, else as labels of the rows. A sheet of another layout
is refused with the cell that tells so.
"""

import re
from dataclasses import dataclass

import numpy as np

from ingest.errors import SourceRefused

DATASET = "DS-045409"
DIMENSIONS = {"REPORTER": "reporter", "PARTNER": "partner", "PRODUCT": "product", "FLOW": "flow"}
INDICATORS = ("VALUE_IN_EUROS", "VALUE_EUR")
_CODE = re.compile(r"\[([0-9A-Z_]+)\]\s*$")
_HEADING = re.compile(r"^(\w+).*\((Labels|Codes)\)$", re.IGNORECASE)


@dataclass(frozen=True)
class Labels:
    """What a sheet says of one dimension, once or row by row, and the first cell that says it."""

    texts: tuple[str, ...]
    column: int  # from 1
    row: int

    def cell(self, at: int) -> str:
        """The place of one of the texts in the sheet, such as C7."""
        return f"{letters(self.column)}{self.row + at}"


@dataclass(frozen=True)
class Table:
    """One sheet's table: cells by row and period, and what its rows and all of it are."""

    sheet: str
    top: int  # row number of the first cell's row in the sheet, from 1
    columns: tuple[int, ...]  # column number of each period, from 1
    periods: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]  # dimension -> one label, or one for each row
    cells: np.ndarray


def read_table(grid: np.ndarray, sheet: str, where: str) -> Table:
    """The table of a sheet; raises SourceRefused that names the cell where it is another layout."""
    here = f"{where}, sheet {sheet!r}"
    first = grid[:, 0]
    times = np.flatnonzero(first == "TIME")
    if not len(times):
        raise SourceRefused(
            f"{here} has no row TIME: this is no table of Eurostat's Data Browser ({DATASET})."
        )
    time = int(times[0])
    width = _label_columns(grid[time])
    headings = _headings(first, time)
    above = _above(grid[:time])
    _check_dataset(above, here)
    end = _end(first, headings)
    _check_below(grid, end, here)
    columns = [at for at in range(width, grid.shape[1]) if grid[time, at] != ""]
    _check_unnamed(grid, (headings, end), (width, columns), here)
    labels = above | _beside(grid[headings - 1, :width], grid[headings:end, :width], headings + 1)
    _check_told(labels, here)
    _check_indicator(labels["INDICATORS"], here)
    told = {column: labels[name].texts for name, column in DIMENSIONS.items()}
    told["product"] = _codes(labels["PRODUCT"], here)
    return Table(
        sheet=sheet,
        top=headings + 1,
        columns=tuple(at + 1 for at in columns),
        periods=tuple(str(grid[time, at]) for at in columns),
        labels=told,
        cells=grid[headings:end, columns],
    )


def _label_columns(time_row: np.ndarray) -> int:
    """How many columns of labels stand before the periods: as many as repeat the word TIME."""
    others = np.flatnonzero(time_row != "TIME")
    return int(others[0]) if len(others) else len(time_row)


def _headings(first: np.ndarray, time: int) -> int:
    """The row, from 0, after the headings that follow the row TIME."""
    row = time + 1
    while row < len(first) and _HEADING.match(str(first[row])):
        row += 1
    return row


def _above(rows: np.ndarray) -> dict[str, Labels]:
    """What is said above the table, by its name."""
    said: dict[str, Labels] = {}
    for number, row in enumerate(rows, 1):
        filled = [at for at in range(1, len(row)) if row[at] != ""]
        name = re.match(r"\w+", str(row[0]))
        if filled and name:
            said[name[0].upper()] = Labels((str(row[filled[0]]),), filled[0] + 1, number)
    return said


def _beside(heads: np.ndarray, body: np.ndarray, top: int) -> dict[str, Labels]:
    """The labels of the rows by dimension; columns of codes are left to the labels' own."""
    found: dict[str, Labels] = {}
    for at, head in enumerate(heads):
        heading = _HEADING.match(str(head))
        if heading and heading[2].upper() == "LABELS":
            texts = tuple(str(label) for label in body[:, at])
            found[heading[1].upper()] = Labels(texts, at + 1, top)
    return found


def _check_dataset(above: dict[str, Labels], here: str) -> None:
    title = above.get("DATASET", Labels(("",), 2, 2))
    if DATASET not in title.texts[0].upper():
        raise SourceRefused(
            f"{here}, cell {title.cell(0)}: the dataset is {title.texts[0]!r}, not {DATASET}."
        )


def _check_told(labels: dict[str, Labels], here: str) -> None:
    for name in (*DIMENSIONS, "INDICATORS"):
        if name not in labels:
            raise SourceRefused(
                f"{here} does not tell its {name}: neither above the table nor as labels of its "
                "rows. Download the workbook with labels (or codes and labels)."
            )


def _end(first: np.ndarray, start: int) -> int:
    """The row after the last labelled one."""
    blank = np.flatnonzero(first[start:] == "")
    return start + int(blank[0]) if len(blank) else len(first)


def _check_below(grid: np.ndarray, end: int, here: str) -> None:
    """Below the table stand notes: a mark and its meaning, never a row of values."""
    filled = (grid[end:] != "").sum(axis=1)
    if (filled > 2).any():
        row = end + int(np.flatnonzero(filled > 2)[0]) + 1
        raise SourceRefused(f"{here}, cell A{row}: the row holds values but has no label.")


def _check_unnamed(
    grid: np.ndarray, body: tuple[int, int], kept: tuple[int, list[int]], here: str
) -> None:
    """Columns without a period hold nothing, or flags that would have to be told apart."""
    width, columns = kept
    for at in set(range(width, grid.shape[1])) - set(columns):
        filled = np.flatnonzero(grid[body[0] : body[1], at] != "")
        if len(filled):
            raise SourceRefused(
                f"{here}, cell {letters(at + 1)}{body[0] + int(filled[0]) + 1}: a value under no "
                "period. Download the workbook without flags and footnotes."
            )


def _check_indicator(indicators: Labels, here: str) -> None:
    for at, label in enumerate(indicators.texts):
        if (_code(label) or label) not in INDICATORS:
            raise SourceRefused(
                f"{here}, cell {indicators.cell(at)}: the indicator is {label!r}; only "
                f"{INDICATORS[0]} is read. Download values and quantities apart."
            )


def _codes(products: Labels, here: str) -> tuple[str, ...]:
    """Product codes, which the labels end with in brackets; the total may come without."""
    codes = {label: _code(label) for label in set(products.texts)}
    for at, label in enumerate(products.texts):
        if codes[label] is None:
            raise SourceRefused(
                f"{here}, cell {products.cell(at)}: the product {label[:80]!r} comes without its "
                "code. Download the workbook with codes and labels of PRODUCT."
            )
    return tuple(str(codes[label]) for label in products.texts)


def _code(label: str) -> str | None:
    found = _CODE.search(label)
    if found:
        return found[1]
    return "TOTAL" if label.strip().lower() == "total" else None


def letters(column: int) -> str:
    """The letters of a column, from 1: AB for 28."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
