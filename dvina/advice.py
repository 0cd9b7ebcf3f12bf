"""Tells a person who keeps a spreadsheet what to mend: where, what is wrong, what belongs there.

Only for datasets that are kept by hand (a contract with the kind ``sheet``). A place is named as a
spreadsheet names it: sheet, row, letter of the column. What belongs in a column is what its
contract says of it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ingest.contract import Contract
from ingest.contract_column import Column
from ingest.landing import QUARANTINE
from ingest.sources.sheet import ROW, SHEET
from ingest.sources.workbook_table import letters

KIND = "sheet"
MOST = 20
_WRONG = {
    "missing": "is empty, but must be filled",
    "not_decimal": "is no number: write digits only, without spaces, units or words",
    "not_date": "is no date: write 2022-11-16 or 16.11.2022",
    "not_in_list": "is not one of the words that may stand here",
    "pattern": "is not written as it must be",
    "below_minimum": "is less than may stand here",
    "too_long": "is too long",
}


def advice(contract: Contract, folder: Path, name: str) -> list[str]:
    """A sentence for each refused row of a landed load, at most twenty; none for other datasets."""
    path = folder / QUARANTINE
    if KIND not in contract.format.kinds or not path.is_file():
        return []
    told = list(_sentences(contract, pq.read_table(path).slice(0, MOST).to_pylist(), name))
    more = pq.read_metadata(path).num_rows - len(told)
    return told + ([f"... and {more} rows more."] if more > 0 else [])


def _sentences(contract: Contract, rows: list[dict[str, Any]], name: str) -> Iterator[str]:
    columns = {column.name: column for column in contract.columns}
    for row in rows:
        source = dict(row["source"])
        sheet, number = source.pop(SHEET, ""), source.pop(ROW, str(row["row"] + 1))
        place = f"{name}{f', sheet {sheet!r}' if sheet else ''}, row {number}"
        column = columns.get(row["column"] or "")
        if column is None:
            yield f"{place}: {row['value']}. Look for a stray quote or delimiter in this row."
            continue
        letter = _letter(list(source), column)
        shown = f"{row['value']!r} " if row["value"] else "the cell "
        wrong = _WRONG.get(row["rule"], "is not known here")
        yield (
            f"{place}, column {letter} ({column.source}): {shown}{wrong}."
            f"{_words(column, row['rule'])} What belongs here: {column.description.strip()}"
        )


def _letter(names: list[str], column: Column) -> str:
    return letters(names.index(str(column.source)) + 1) if column.source in names else "?"


def _words(column: Column, rule: str) -> str:
    if rule != "not_in_list":
        return ""
    words = [word for word in column.values or column.allowed if word]
    return f" One of: {', '.join(words)}."
