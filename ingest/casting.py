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

from ingest.columns import Cast, cast_column
from ingest.contract import Column, Contract
from ingest.sources import Malformed, RawBatch

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
    """Rows that keep the contract (its schema), and rows that do not (QUARANTINE_SCHEMA)."""

    landed: pa.RecordBatch
    refused: pa.RecordBatch


def cast_batch(contract: Contract, raw: RawBatch) -> CastBatch:
    """Split a raw batch into typed rows and refused rows; together they are all of its rows."""
    count = raw.columns.num_rows
    reasons = _Reasons(count)
    arrays: list[pa.Array] = []
    for column in contract.columns:
        cast = _cast(column, raw, count, contract.limits.max_field_chars)
        reasons.note(column, cast)
        arrays.append(cast.values)
    keep = pa.array(reasons.code < 0)
    landed = pa.RecordBatch.from_arrays(
        [*arrays, raw.rows], schema=_nullable(contract.schema)
    ).filter(keep)
    refused = _refused(contract, raw, reasons)
    malformed = _malformed(raw.malformed)
    if refused.num_rows and malformed.num_rows:
        refused = pa.Table.from_batches([refused, malformed]).combine_chunks().to_batches()[0]
    return CastBatch(landed.cast(contract.schema), refused if refused.num_rows else malformed)


def _cast(column: Column, raw: RawBatch, count: int, max_chars: int) -> Cast:
    if column.constant is not None:
        text = pa.repeat(pa.scalar(column.constant), count)
        return Cast(text.cast(column.arrow_type), ())
    text = raw.columns.column(column.source)
    return cast_column(column, text, max_chars, damaged=raw.damaged)


class _Reasons:
    """Per row the first rule it broke: an index into ``rules``, or -1."""

    def __init__(self, count: int) -> None:
        self.code = np.full(count, -1, dtype=np.int32)
        self.rules: list[tuple[str, Column]] = []

    def note(self, column: Column, cast: Cast) -> None:
        for rule, broken in cast.broken:
            fresh = broken & (self.code < 0)
            if fresh.any():
                self.code[fresh] = len(self.rules)
                self.rules.append((rule, column))


def _refused(contract: Contract, raw: RawBatch, reasons: _Reasons) -> pa.RecordBatch:
    at = np.flatnonzero(reasons.code >= 0)
    if not len(at):
        return pa.RecordBatch.from_pylist([], QUARANTINE_SCHEMA)
    picks = pa.array(at)
    shown = [name for name in raw.columns.schema.names if name not in contract.masked]
    texts = [raw.columns.column(name).take(picks) for name in shown]
    codes = reasons.code[at]
    rules = pa.array([rule for rule, _ in reasons.rules]).take(pa.array(codes))
    names = pa.array([column.name for _, column in reasons.rules]).take(pa.array(codes))
    headers = [shown.index(str(column.source)) for _, column in reasons.rules]
    which = np.array(headers)[codes]
    every = pa.concat_arrays(texts)
    values = every.take(pa.array(which * len(at) + np.arange(len(at))))
    values = pc.utf8_slice_codeunits(values, 0, _MAX_TEXT)
    source = _maps(shown, every, len(at))
    return pa.RecordBatch.from_arrays(
        [raw.rows.take(picks), rules, names, values, source], schema=QUARANTINE_SCHEMA
    )


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


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])
