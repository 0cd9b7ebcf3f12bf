"""Takes values out of raw records that may not be kept for what stands beside them.

The name of a natural person among suppliers is such a value (``unless`` in a contract). This comes
before everything else is done with a record, so that neither landing nor quarantine ever sees it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Contract
from ingest.contract_column import Column
from ingest.sources import RawBatch


def without_withheld(contract: Contract, raw: RawBatch) -> RawBatch:
    """The batch with nulls where a column's ``unless`` says so, in lists too."""
    if not any(_withholds(column) for column in contract.columns):
        return raw
    columns, whole = contract.columns, raw.whole
    return replace(
        raw,
        columns=_batch(columns, raw.columns),
        whole=None if whole is None else lambda: _batch(columns, whole()),
    )


def _withholds(column: Column) -> bool:
    return bool(column.unless) or any(_withholds(inner) for inner in column.fields)


def _batch(columns: Sequence[Column], batch: pa.RecordBatch) -> pa.RecordBatch:
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    return pa.RecordBatch.from_pydict(_kept(columns, arrays))


def _kept(columns: Sequence[Column], arrays: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Arrays by source, of one level."""
    sources = {column.name: str(column.source) for column in columns}
    kept = dict(arrays)
    for column in columns:
        source = str(column.source)
        if source not in arrays:
            continue
        for name, regex in column.unless.items():
            if sources[name] in arrays:
                told = _fits(arrays[sources[name]], regex)
                kept[source] = pc.if_else(told, None, _text(kept[source]))
        if pa.types.is_list(kept[source].type) and any(map(_withholds, column.fields)):
            kept[source] = _list(column, kept[source])
    return kept


def _list(column: Column, values: pa.ListArray) -> pa.ListArray:
    items = values.flatten()
    if not pa.types.is_struct(items.type) or not len(items):
        return values
    names = [field.name for field in items.type]
    fields = _kept(column.fields, {name: pc.struct_field(items, [name]) for name in names})
    struct = pa.StructArray.from_arrays(
        [fields[name] for name in names], names=names, mask=pc.is_null(items)
    )
    lengths = pc.fill_null(pc.list_value_length(values), 0)
    ends = pc.cumulative_sum(lengths).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    mask = pc.is_null(values) if values.null_count else None
    return pa.ListArray.from_arrays(offsets, struct, mask=mask)


def _fits(values: pa.Array, regex: str) -> pa.Array:
    text = pc.utf8_trim_whitespace(_text(values))
    return pc.fill_null(pc.match_substring_regex(text, pattern=f"(?s)^(?:{regex})$"), False)


def _text(values: pa.Array) -> pa.Array:
    return values if pa.types.is_string(values.type) else values.cast(pa.string())
