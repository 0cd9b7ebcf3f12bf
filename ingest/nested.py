"""Casts lists inside records: every leaf like a column of its own, each list in its place again.

A list is flattened once, its fields are cast over the items of all records together, and what
breaks a rule is told of the record that holds it, with the field's path and the first bad value.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns import cast_column
from ingest.contract_column import Column


@dataclass(frozen=True)
class Within:
    """Records in which a value inside a list broke a rule.

    ``path`` leads from the column to the field, empty for the list itself; ``texts`` holds the
    first bad value of each of ``rows``.
    """

    rule: str
    path: str
    rows: np.ndarray
    texts: pa.Array


@dataclass(frozen=True)
class NestedCast:
    """A list column in its contract's type, and the rules broken inside it, fields in order."""

    values: pa.ListArray
    broken: tuple[Within, ...]


def cast_list(
    column: Column, values: pa.Array, max_chars: int, *, damaged: bool = False
) -> NestedCast:
    """Cast a list column.

    ``values`` are lists of texts, lists of structs whose fields are named by the fields'
    ``source``, JSON text of such lists, or nulls. Leaves are what ``cast_column`` takes.
    """
    broken: list[Within] = []
    if pa.types.is_null(values.type):
        values = pa.nulls(len(values), raw_type(column))
    elif not pa.types.is_list(values.type):
        lists, bad = _parsed(column, values)
        broken += _noted("not_list", bad, values)
        values = lists
    empty = np.asarray(pc.is_null(values))
    if column.required:
        broken += _noted("missing", np.flatnonzero(empty), pa.nulls(len(values), pa.string()))
    parents = pc.list_parent_indices(values).to_numpy()
    items, inside = _cast_items(column, values.flatten(), max_chars, damaged)
    broken += [_of_records(found, parents) for found in inside]
    lengths = np.asarray(pc.fill_null(pc.list_value_length(values), 0))
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
    lists = pa.ListArray.from_arrays(
        offsets, items, type=column.arrow_type, mask=pa.array(empty) if empty.any() else None
    )
    return NestedCast(lists, tuple(broken))


def raw_type(column: Column) -> pa.DataType:
    """The type of a list column before casting: structs named by ``source``, leaves as text."""
    if column.type != "list":
        return pa.string()
    if not column.fields:
        return pa.list_(pa.string())
    fields = [pa.field(str(inner.source), raw_type(inner)) for inner in column.fields]
    return pa.list_(pa.struct(fields))


def as_text(values: pa.Array) -> pa.Array:
    """Any array as text, lists as JSON without what is null."""
    if pa.types.is_list(values.type):
        shown = [None if item is None else _json(item) for item in values.to_pylist()]
        return pa.array(shown, pa.string())
    return values.cast(pa.string())


def _cast_items(
    column: Column, items: pa.Array, max_chars: int, damaged: bool
) -> tuple[pa.Array, list[Within]]:
    """All items of all records together; rows of what is broken are numbers of items."""
    if not column.fields:
        item = replace(column, type="text", required=False)
        values, broken = _cast_leaf(item, items, max_chars, damaged)
        return values, broken
    arrays, found = [], []
    for inner in column.fields:
        child = _child(items, str(inner.source))
        values, broken = _cast_leaf(inner, child, max_chars, damaged)
        arrays.append(values)
        found += [replace(b, path=f"{inner.name}.{b.path}".rstrip(".")) for b in broken]
    return pa.StructArray.from_arrays(arrays, fields=list(column.item_type)), found


def _cast_leaf(
    column: Column, values: pa.Array, max_chars: int, damaged: bool
) -> tuple[pa.Array, list[Within]]:
    if column.type == "list":
        nested = cast_list(column, values, max_chars, damaged=damaged)
        return nested.values, list(nested.broken)
    if pa.types.is_null(values.type):
        values = values.cast(pa.string())
    cast = cast_column(column, values, max_chars, damaged=damaged)
    plain = cast.values
    if pa.types.is_dictionary(plain.type):
        plain = plain.dictionary.take(plain.indices)
    broken = [w for rule, mask in cast.broken for w in _noted(rule, np.flatnonzero(mask), values)]
    return plain, broken


def _child(items: pa.Array, name: str) -> pa.Array:
    if name in {items.type.field(i).name for i in range(items.type.num_fields)}:
        return pc.struct_field(items, [name])
    return pa.nulls(len(items))


def _noted(rule: str, rows: np.ndarray, values: pa.Array) -> Iterator[Within]:
    if len(rows):
        yield Within(rule, "", rows, as_text(values.take(pa.array(rows))))


def _of_records(found: Within, parents: np.ndarray) -> Within:
    """The same of the records that hold the items; of several bad ones the first counts."""
    rows, first = np.unique(parents[found.rows], return_index=True)
    return replace(found, rows=rows, texts=found.texts.take(pa.array(first)))


def _parsed(column: Column, texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Lists from JSON text, and the rows whose text is none."""
    lists: list[Any] = []
    bad: list[int] = []
    for row, text in enumerate(texts.to_pylist()):
        try:
            value = None if not text else json.loads(text, parse_float=str, parse_int=str)
            lists.append(_shaped(column, value))
        except (ValueError, TypeError, RecursionError):
            lists.append(None)
            bad.append(row)
    return pa.array(lists, raw_type(column)), np.array(bad, dtype=np.int64)


def _shaped(column: Column, value: Any) -> Any:
    if value is None or column.type != "list":
        return value if value is None or isinstance(value, str) else _json(value)
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list is due")
    if not column.fields:
        return [v if v is None or isinstance(v, str) else _json(v) for v in value]
    return [
        {str(inner.source): _shaped(inner, item.get(str(inner.source))) for inner in column.fields}
        for item in map(_mapping, value)
    ]


def _mapping(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise TypeError(f"{type(item).__name__} where an object is due")
    return item


def _json(value: Any) -> str:
    return json.dumps(_without_nulls(value), ensure_ascii=False, default=str)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(of) for key, of in value.items() if of is not None}
    if isinstance(value, list):
        return [_without_nulls(of) for of in value]
    return value
