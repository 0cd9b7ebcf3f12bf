"""Takes what a contract wants out of elements, each visited once, into columns with nested lists.

Rows are gathered as lists of texts and turned into Arrow arrays in bulk. What is missing is null;
of a path that is there several times in one row, the first with text counts and the others are
counted in ``repeated``.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.sources.xml_paths import Node, Table, local_name

Element = Any  # lxml's classes are made in C; what is used of them is checked by tests
Row = list[str | None]
_KNOWN_TAGS = 10_000  # names kept per element, so that made-up ones fill no memory


class _Ready:
    """A node made ready to be walked: children are found by the whole tag once it was seen."""

    __slots__ = ("attributes", "children", "lists", "names", "only", "tags", "texts", "unknown")

    def __init__(self, node: Node, gathered: dict[int, "Gathered"]) -> None:
        self.texts = tuple(node.texts)
        self.names = tuple(node.names)
        self.attributes = {name: tuple(slots) for name, slots in node.attributes.items()}
        self.lists = tuple(gathered[id(table)] for table in node.lists)
        self.children = {name: _Ready(child, gathered) for name, child in node.children.items()}
        self.tags: dict[str, _Ready | None] = {}
        self.unknown: set[str] = set()
        plain = not (self.names or self.attributes or self.lists or self.children)
        self.only = self.texts[0] if plain and len(self.texts) == 1 else -1

    def learn(self, tag: str) -> "_Ready | None":
        """The child of a tag that was not seen before, None where it is not wanted."""
        name = local_name(tag)
        found = self.children.get(name)
        if len(self.tags) < _KNOWN_TAGS:
            self.tags[tag] = found
            if found is None:
                self.unknown.add(name)
        return found


class Gathered:
    """Rows of one table so far, and of the lists in them; ``take`` hands them over as arrays."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.lists = [Gathered(inner) for inner in table.lists]
        self._start = _Ready(table.root, {id(of.table): of for of in self.lists})
        self._document = _Ready(table.document, {})
        self._empty: Row = [None] * table.width
        self._rows: list[Row] = []
        self._offsets: list[list[int]] = [[] for _ in self.lists]
        self.repeated: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def unknown(self) -> set[str]:
        """Local names directly in the row's element that nothing is wanted of."""
        return self._start.unknown

    def begin_document(self, root: Element) -> None:
        """Note what rows take from the root of their document, as far as it was read."""
        self._empty = [None] * self.table.width
        _visit(root, self._document, self._empty, Counter(), self.table.paths)

    def add(self, element: Element) -> None:
        """Take one row out of its element."""
        row = self._empty.copy()
        for offsets, inner in zip(self._offsets, self.lists, strict=True):
            offsets.append(len(inner))
        _visit(element, self._start, row, self.repeated, self.table.paths)
        self._rows.append(row)

    def take(self) -> dict[str, pa.Array]:
        """Arrays by source of all rows since the last call."""
        rows, self._rows = self._rows, []
        slots = list(zip(*rows, strict=True)) if rows else [()] * self.table.width
        arrays = {leaf.source: _first(slots, leaf.slots) for leaf in self.table.leaves}
        for offsets, inner in zip(self._offsets, self.lists, strict=True):
            ends = pa.array([*offsets, len(inner)], pa.int32())
            arrays[inner.table.source] = pa.ListArray.from_arrays(ends, inner.items())
        self._offsets = [[] for _ in self.lists]
        return arrays

    def items(self) -> pa.Array:
        """The rows since the last call as one array of structs, or of texts."""
        if self.table.is_text:
            rows, self._rows = self._rows, []
            return pa.array([row[0] for row in rows], pa.string())
        count = len(self)
        arrays = self.take()
        if not count:
            return pa.array([], pa.struct([pa.field(n, a.type) for n, a in arrays.items()]))
        return pa.StructArray.from_arrays(list(arrays.values()), names=list(arrays))


def _visit(
    element: Element, ready: _Ready, row: Row, repeated: Counter[str], paths: Sequence[str]
) -> None:
    """Take an element's own text, name and attributes, open its lists, and go into its children."""
    if ready.texts:
        text = element.text
        if text and not text.isspace():
            _put(row, ready.texts, text, repeated, paths)
    if ready.names:
        _put(row, ready.names, local_name(element.tag), repeated, paths)
    if ready.attributes:
        for key, value in element.attrib.items():
            slots = ready.attributes.get(local_name(key))
            if slots and value:
                _put(row, slots, value, repeated, paths)
    for inner in ready.lists:
        inner.add(element)
    if not ready.children:
        return
    tags = ready.tags
    for child in element:
        tag = child.tag
        found = tags[tag] if tag in tags else ready.learn(tag)
        if found is None:
            continue
        slot = found.only
        if slot < 0:
            _visit(child, found, row, repeated, paths)
            continue
        text = child.text
        if text and not text.isspace():
            if row[slot] is None:
                row[slot] = text
            else:
                repeated[paths[slot]] += 1


def _put(
    row: Row, slots: Sequence[int], text: str, repeated: Counter[str], paths: Sequence[str]
) -> None:
    for slot in slots:
        if row[slot] is None:
            row[slot] = text
        else:
            repeated[paths[slot]] += 1


def _first(slots: Sequence[Sequence[str | None]], of: Sequence[int]) -> pa.Array:
    """The first of several slots that is filled, row by row."""
    filled = [slot for slot in of if slots[slot].count(None) < len(slots[slot])]
    arrays = [pa.array(slots[slot], pa.string()) for slot in filled]
    if len(arrays) > 1:
        return pc.coalesce(*arrays)
    return arrays[0] if arrays else pa.nulls(len(slots[of[0]]), pa.string())
