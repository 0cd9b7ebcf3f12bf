"""Casts raw record batches by a contract and sets aside the rows that break it.

Whole columns go through Arrow kernels. Each refused row keeps its first reason, its position and
every source column as text, except the masked ones. ``cast_batch`` never drops a row: landed and
refused rows together are the rows it was given.
"""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns import Cast, cast_column, frequencies, lengths
from ingest.contract import Contract
from ingest.contract_column import FILE_NAME, Column
from ingest.nested import NestedCast, Within, as_text, cast_list
from ingest.sources import Malformed, RawBatch
from ingest.withheld import without_withheld

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("value", pa.string()),
        pa.field("source", pa.map_(pa.string(), pa.string())),
    ]
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_PHONE = re.compile(r"\+?\d[\d\s()-]{8,}\d")
_MAX_TEXT = 2_000


@dataclass(frozen=True)
class CastBatch:
    """Rows that keep the contract (its schema), and rows that do not (QUARANTINE_SCHEMA).

    Text of landed rows may stand in dictionaries; ``plain`` writes it out.
    """

    landed: pa.RecordBatch
    refused: pa.RecordBatch


def cast_batch(contract: Contract, raw: RawBatch) -> CastBatch:
    """Split a raw batch into typed rows and refused rows; together they are all of its rows."""
    raw = without_withheld(contract, raw)
    count = raw.columns.num_rows
    reasons = _Reasons(count)
    arrays: list[pa.Array] = []
    for column in contract.columns:
        cast = _cast(contract, column, raw, arrays)
        reasons.note(column, cast)
        arrays.append(cast.values)
    fields = [f.with_type(a.type) for f, a in zip(contract.schema, arrays, strict=False)]
    landed = pa.RecordBatch.from_arrays(
        [*arrays, raw.rows], schema=pa.schema([*fields, contract.schema.field("_row")])
    )
    if reasons.rules:
        landed = landed.filter(pa.array(reasons.code < 0))
    refused = _refused(contract, raw, reasons)
    malformed = _malformed(raw.malformed)
    if refused.num_rows and malformed.num_rows:
        refused = pa.Table.from_batches([refused, malformed]).combine_chunks().to_batches()[0]
    return CastBatch(landed, refused if refused.num_rows else malformed)


def _cast(
    contract: Contract, column: Column, raw: RawBatch, before: list[pa.Array]
) -> Cast | NestedCast:
    """Cast one column; ``before`` are the columns that stand before it, cast already."""
    count = raw.columns.num_rows
    if column.constant is not None:
        return Cast(_repeated(column.constant, count).cast(column.arrow_type), ())
    if column.frequency_of is not None:
        return Cast(frequencies(before[_place(contract, column.frequency_of)]), ())
    if column.length_of is not None:
        return Cast(lengths(before[_place(contract, column.length_of)]), ())
    if column.source in raw.columns.schema.names:
        values = raw.columns.column(column.source)
    elif column.source == FILE_NAME:
        values = _repeated(raw.name, count)
    elif column.type == "list":
        values = pa.nulls(count)
    else:
        return Cast(pa.nulls(count, column.arrow_type), ())
    max_chars = contract.limits.max_field_chars
    if column.type == "list":
        return cast_list(column, values, max_chars, damaged=raw.damaged)
    return cast_column(column, values, max_chars, damaged=raw.damaged, name=raw.name)


def _place(contract: Contract, name: str) -> int:
    return [column.name for column in contract.columns].index(name)


def plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the schema, its dictionaries written out."""
    arrays = [_plain(batch.column(name)) for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _plain(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        return values.dictionary.take(values.indices)
    return values


def _repeated(text: str, count: int) -> pa.Array:
    indices = pa.array(np.zeros(count, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([text], pa.string()))


@dataclass(frozen=True)
class _Reason:
    """Why a record is refused: the rule, whose it is, and what was found inside a list."""

    rule: str
    column: Column
    within: Within | None = None

    @property
    def name(self) -> str:
        """The column, or the field of a list by its path."""
        path = self.within.path if self.within else ""
        return f"{self.column.name}.{path}".rstrip(".")


class _Reasons:
    """Per row the first rule it broke: an index into ``rules``, or -1."""

    def __init__(self, count: int) -> None:
        self.code = np.full(count, -1, dtype=np.int32)
        self.rules: list[_Reason] = []

    def note(self, column: Column, cast: Cast | NestedCast) -> None:
        """Take down what a column's cast found, for rows that have no reason yet."""
        if isinstance(cast, NestedCast):
            for within in cast.broken:
                self._take(within.rows, _Reason(within.rule, column, within))
            return
        for rule, broken in cast.broken:
            self._take(np.flatnonzero(broken), _Reason(rule, column))

    def _take(self, rows: np.ndarray, reason: _Reason) -> None:
        fresh = rows[self.code[rows] < 0]
        if len(fresh):
            self.code[fresh] = len(self.rules)
            self.rules.append(reason)


def _refused(contract: Contract, raw: RawBatch, reasons: _Reasons) -> pa.RecordBatch:
    at = np.flatnonzero(reasons.code >= 0)
    if not len(at):
        return pa.RecordBatch.from_pylist([], QUARANTINE_SCHEMA)
    picks = pa.array(at)
    whole = raw.whole() if raw.whole else raw.columns
    if any(reason.column.source == FILE_NAME for reason in reasons.rules):
        whole = whole.append_column(FILE_NAME, _plain(_repeated(raw.name, whole.num_rows)))
    shown = [name for name in whole.schema.names if name not in contract.masked]
    texts = [as_text(whole.column(name).take(picks)) for name in shown]
    codes = reasons.code[at]
    rules = pa.array([reason.rule for reason in reasons.rules]).take(pa.array(codes))
    names = pa.array([reason.name for reason in reasons.rules]).take(pa.array(codes))
    every = pa.concat_arrays(texts)
    headers = np.array(
        [_place_of(shown, str(reason.column.source)) for reason in reasons.rules], dtype=np.int64
    )
    spots = headers[codes] * len(at) + np.arange(len(at))
    values = every.take(pa.array(spots, mask=headers[codes] < 0))
    values = _found_within(values, at, reasons)
    values = pc.utf8_slice_codeunits(values, 0, _MAX_TEXT)
    source = _maps(shown, every, len(at))
    return pa.RecordBatch.from_arrays(
        [raw.rows.take(picks), rules, names, values, source], schema=QUARANTINE_SCHEMA
    )


def _place_of(shown: list[str], name: str) -> int:
    """Where a column stands among those shown; -1 where the record lacks it."""
    return shown.index(name) if name in shown else -1


def _found_within(values: pa.Array, at: np.ndarray, reasons: _Reasons) -> pa.Array:
    """The values shown, with the bad one inside a list in the place of the whole list."""
    for code, reason in enumerate(reasons.rules):
        if reason.within is not None:
            here = reasons.code[at] == code
            spots = np.searchsorted(reason.within.rows, at[here])
            found = reason.within.texts.take(pa.array(spots))
            values = pc.replace_with_mask(values, pa.array(here), found)
    return values


def _maps(names: list[str], every: pa.Array, rows: int) -> pa.MapArray:
    """Row-wise maps from texts that stand column after column."""
    width = len(names)
    order = (np.arange(width)[None, :] * rows + np.arange(rows)[:, None]).ravel()
    keys = pa.array(names).take(pa.array(np.tile(np.arange(width), rows)))
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    return pa.MapArray.from_arrays(offsets, keys, every.take(pa.array(order)))


def _malformed(records: tuple[Malformed, ...]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([m.row for m in records], pa.int64()),
            pa.array(["malformed"] * len(records), pa.string()),
            pa.nulls(len(records), pa.string()),
            pa.array([m.reason for m in records], pa.string()),
            pa.array(
                [[("text", mask_contacts(m.text))] for m in records],
                pa.map_(pa.string(), pa.string()),
            ),
        ],
        schema=QUARANTINE_SCHEMA,
    )


def mask_contacts(text: str) -> str:
    """The text without e-mail addresses and telephone numbers, at most 2,000 characters."""
    return _PHONE.sub("<telephone>", _EMAIL.sub("<e-mail>", text[:_MAX_TEXT]))
