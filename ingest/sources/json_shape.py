"""The shape of JSON records after a contract: how a block is parsed at once and laid out.

The parser is given one nested Arrow schema, so that it reads what the contract names and skips all
else. Its answer is laid out as the engine takes it: a column for each ``source``, paths with dots
resolved, lists of structs whose fields are named by their ``source``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from ingest.contract import Contract
from ingest.contract_column import FILE_NAME, Column
from ingest.decimals import is_misread, read_type

Path = tuple[str, ...]  # keys from the record on, ITEM for the items of a list
ITEM = "[]"
_CHANGED = re.compile(r"Column\(/(.+)\) changed from (\w+) to (\w+) in row")
# A text that comes as a number is one without a point: identifiers, codes.
_LEARNT = {"number": pa.decimal128(38, 0), "boolean": pa.bool_()}
_WIDE = 76  # digits of the decimals that are parsed, before and after the point


class Unshaped(Exception):
    """Raised when a block cannot be parsed whole; its records must be looked at one by one."""


class Shape:
    """Parses blocks of records by a contract; what a block taught is kept for the next."""

    def __init__(self, contract: Contract) -> None:
        self._columns = [c for c in contract.columns if is_read(c)]
        self._types: dict[Path, pa.DataType] = {}  # of texts that come as something else

    def parse(self, text: bytes, records: int) -> dict[str, pa.Array]:
        """Columns by ``source`` of so many records, one after the other; raises Unshaped.

        ``text`` must begin with an object.
        """
        if is_misread(text):
            raise Unshaped("a number with a large exponent")
        types = self._types
        for _ in range(8):
            try:
                table = _read(text, records, self._schema(types))
                table.validate(full=True)  # the parser takes bytes that are no UTF-8
            except pa.ArrowInvalid as error:
                types = self._learn(types, str(error))
                continue
            except UnicodeDecodeError as error:  # of a message that quotes the damaged bytes
                raise Unshaped(str(error)) from error
            if table.num_rows != records:
                raise Unshaped(f"{table.num_rows} records where {records} stand")
            self._types = types
            return self._laid_out(table)
        raise Unshaped("too many columns of another type")

    def _schema(self, types: Mapping[Path, pa.DataType]) -> pa.Schema:
        return pa.schema(list(_fields(self._columns, (), types)))

    def _learn(self, types: Mapping[Path, pa.DataType], message: str) -> dict[Path, pa.DataType]:
        found = _CHANGED.search(message)
        if not found or found[2] != "string" or found[3] not in _LEARNT:
            raise Unshaped(message[:200])
        path = tuple(found[1].split("/"))
        if path in types:
            raise Unshaped(message[:200])
        return {**types, path: _LEARNT[found[3]]}

    def _laid_out(self, table: pa.Table) -> dict[str, pa.Array]:
        arrays = [column.combine_chunks() for column in table.columns]
        root = pa.StructArray.from_arrays(arrays, names=table.schema.names)
        try:
            return {str(c.source): _laid_out(root, c) for c in self._columns}
        except pa.ArrowInvalid as error:  # a number beyond the contract's digits
            raise Unshaped(str(error)[:200]) from error


def is_read(column: Column) -> bool:
    """True where a column is read from the record, not told of it."""
    return column.source not in (None, FILE_NAME) and not str(column.source).startswith("(")


def _read(text: bytes, records: int, schema: pa.Schema) -> pa.Table:
    return pajson.read_json(
        pa.BufferReader(text),
        read_options=pajson.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pajson.ParseOptions(
            explicit_schema=schema,
            newlines_in_values=text.count(b"\n") >= records,
            unexpected_field_behavior="ignore",
        ),
    )


def _fields(
    columns: Sequence[Column], before: Path, types: Mapping[Path, pa.DataType]
) -> Iterator[pa.Field]:
    """The nested fields of columns whose sources lead through objects by dots."""
    tree: dict[str, Any] = {}
    for column in columns:
        *objects, last = str(column.source).split(".")
        node = tree
        for name in objects:
            node = node.setdefault(name, {})
        node[last] = column
    yield from _tree_fields(tree, before, types)


def _tree_fields(
    tree: Mapping[str, Any], before: Path, types: Mapping[Path, pa.DataType]
) -> Iterator[pa.Field]:
    for name, node in tree.items():
        path = (*before, name)
        if isinstance(node, Column):
            yield pa.field(name, _type(node, path, types))
        else:
            yield pa.field(name, pa.struct(list(_tree_fields(node, path, types))))


def _type(column: Column, path: Path, types: Mapping[Path, pa.DataType]) -> pa.DataType:
    if column.type == "list":
        inner = (*path, ITEM)
        if not column.fields:
            return pa.list_(types.get(inner, pa.string()))
        return pa.list_(pa.struct(list(_fields(column.fields, inner, types))))
    if column.type == "decimal":
        scale = read_type(column).scale
        return pa.decimal256(_WIDE - scale, scale)
    if column.type == "integer":
        return pa.int64()
    return types.get(path, pa.string())


def _laid_out(struct: pa.StructArray, column: Column) -> pa.Array:
    values = pc.struct_field(struct, str(column.source).split("."))
    if column.type == "list":
        return _list(values, column)
    if column.type == "decimal":
        return values.cast(read_type(column))
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def _list(values: pa.ListArray, column: Column) -> pa.ListArray:
    items = values.flatten()
    if items.null_count:
        raise Unshaped(f"{column.source} holds null")
    if column.fields:
        names = [str(field.source) for field in column.fields]
        arrays = [_laid_out(items, field) for field in column.fields]
        items = pa.StructArray.from_arrays(arrays, names=names)
    elif not pa.types.is_string(items.type):
        items = items.cast(pa.string())
    empty = pc.is_null(values)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(values), 0))
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
    return pa.ListArray.from_arrays(offsets, items, mask=empty if values.null_count else None)
