"""One column of a dataset, as its contract describes it.

A column of type ``list`` holds a list inside one record: of structs where it has ``fields``, which
are columns again, else of texts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

COLUMN_TYPES = ("text", "integer", "decimal", "date", "timestamp", "period", "boolean", "list")
WAYS = ("source", "constant", "frequency_of", "length_of")  # where a column comes from
DEFAULT_NULLS = ("",)
FILE_NAME = "(file name)"  # a column's source may be the name of the file it came in


@dataclass(frozen=True)
class Column:
    """One column of the dataset: where it comes from, and what it must be."""

    name: str
    type: str
    description: str
    source: str | None = None  # header in the publisher's file; None for a constant
    aliases: tuple[str, ...] = ()  # other headers of the same column
    optional: bool = False  # the publisher's file may lack the column: null then
    extract: str | None = None  # a regex whose only group, where it matches, is the value
    month_from_name: str | None = None  # a regex on the file's name: year and month of a bare year
    frequency_of: str | None = None  # the period column whose frequency (A, Q, M) this is
    length_of: str | None = None  # the code column whose digits this counts; 0 for words
    pad: int | None = None  # digits of a code whose leading zeros the publisher loses
    required: bool = True
    unit: str | None = None
    precision: int = 18
    scale: int = 2
    rounds: bool = False  # the publisher prints binary floats: digits beyond the scale are noise
    decimal_mark: str = "."  # or "," or "either"; thousands are never separated
    layouts: tuple[str, ...] = ()  # of dates, timestamps (strptime) and periods (%Y, %m, %q)
    nulls: tuple[str, ...] = DEFAULT_NULLS
    trim: bool = True
    pattern: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    allowed: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)  # publisher's word -> our word
    lookup: str | None = None
    constant: str | None = None
    # Columns beside it -> what their whole text must be for this one not to be kept anywhere.
    unless: Mapping[str, str] = field(default_factory=dict)
    fields: tuple["Column", ...] = ()  # of the structs in a list; without them its items are text

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type in which the column lands."""
        match self.type:
            case "integer":
                return pa.int64()
            case "decimal":
                return pa.decimal128(self.precision, self.scale)
            case "date":
                return pa.date32()
            case "timestamp":
                return pa.timestamp("us")
            case "boolean":
                return pa.bool_()
            case "list":
                return pa.list_(self.item_type)
            case _:
                return pa.string()

    @property
    def item_type(self) -> pa.DataType:
        """The Arrow type of one item of a list."""
        if not self.fields:
            return pa.string()
        return pa.struct([pa.field(f.name, f.arrow_type) for f in self.fields])

    def within(self, path: str) -> "Column | None":
        """The column itself for an empty path, else the field that names with dots lead to."""
        name, _, rest = path.partition(".")
        if not path:
            return self
        found = next((f for f in self.fields if f.name == name), None)
        return found.within(rest) if found else None


def column_of(entry: Mapping[str, Any]) -> Column:
    """A column from its entry in the YAML; raises KeyError, TypeError and ValueError."""
    entry = dict(entry)
    if isinstance(entry.get("source"), list):
        entry["source"], *others = entry["source"]
        entry["aliases"] = tuple(others)
    for name in ("layouts", "nulls", "allowed"):
        if name in entry:
            entry[name] = tuple(_word(item) for item in entry[name])
    for name in ("minimum", "maximum", "constant"):
        if name in entry:
            entry[name] = _word(entry[name])
    if "fields" in entry:
        entry["fields"] = tuple(column_of(item) for item in entry["fields"])
    return Column(**entry)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def complaints_of(column: Column) -> list[str]:
    """What is wrong with a column by itself, in words."""
    complaints = []
    if column.type not in COLUMN_TYPES:
        complaints.append(f"column {column.name} has type {column.type}, not one of {COLUMN_TYPES}")
    ways = (column.source, column.constant, column.frequency_of, column.length_of)
    if sum(way is not None for way in ways) != 1:
        complaints.append(f"column {column.name} needs one of {', '.join(WAYS)}")
    if column.decimal_mark not in (".", ",", "either"):
        complaints.append(f"column {column.name} has the decimal mark {column.decimal_mark!r}")
    if column.type in ("date", "timestamp") and not column.layouts and column.constant is None:
        complaints.append(f"column {column.name} needs 'layouts'")
    if column.optional and column.required:
        complaints.append(f"column {column.name} cannot be both optional and required")
    if column.extract and re.compile(column.extract).groups != 1:
        complaints.append(f"column {column.name}: 'extract' needs exactly one group")
    if column.month_from_name and re.compile(column.month_from_name).groups != 2:
        complaints.append(f"column {column.name}: 'month_from_name' needs two groups")
    if column.pad and column.type != "text":
        complaints.append(f"column {column.name}: only text has 'pad'")
    if column.rounds and column.type != "decimal":
        complaints.append(f"column {column.name}: only decimals have 'rounds'")
    if column.type == "decimal" and not _holds(column):
        complaints.append(f"column {column.name}: decimal({column.precision},{column.scale})")
    if column.type == "list":
        complaints += _complaints_of_list(column)
    elif column.fields:
        complaints.append(f"column {column.name}: only a list has 'fields'")
    return complaints


def _holds(column: Column) -> bool:
    """True where 128 bits hold its numbers, at least one digit before the point among them."""
    return 0 <= column.scale <= column.precision <= 38 and column.scale < 38


def stray_conditions(columns: Sequence[Column]) -> Iterator[str]:
    """What is wrong with 'unless' in columns that stand beside each other, in words."""
    scalars = {column.name for column in columns if column.type != "list"}
    for column in columns:
        yield from stray_conditions(column.fields)
        for other in column.unless.keys() - scalars:
            yield f"column {column.name}: 'unless' names {other}, which does not stand beside it"
        if column.unless and column.name not in scalars:
            yield f"column {column.name}: a list has no 'unless'"


def _complaints_of_list(column: Column) -> Iterator[str]:
    names = [field.name for field in column.fields]
    if column.source is None or column.source == FILE_NAME:
        yield f"column {column.name}: a list comes from a source"
    for name in {name for name in names if names.count(name) > 1}:
        yield f"column {column.name} has the field {name} twice"
    for inner in column.fields:
        if inner.source is None or inner.source == FILE_NAME or inner.month_from_name:
            yield f"column {column.name}: field {inner.name} comes from no source of its own"
        yield from (f"in {column.name}: {complaint}" for complaint in complaints_of(inner))
