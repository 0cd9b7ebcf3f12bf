"""Turns the sources of a contract's columns into tries over the elements of one record.

A source is a path of local names from the record's element, joined by dots: prefixes and
namespaces never count. ``@name`` at the end takes an attribute, ``.`` the element's own text,
``name()`` its own local name. A path that begins with ``/`` starts at the root of the document
(``/@version``, ``/header.guid``). Of several sources of a column the first that is there counts; a
list takes the items of all of them, in the order of the document.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ingest.contract_column import Column

OWN_TEXT, OWN_NAME, ATTRIBUTE, FROM_ROOT = ".", "name()", "@", "/"


@dataclass
class Node:
    """What is wanted of an element: slots of its text, name and attributes, items, children."""

    texts: list[int] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    attributes: dict[str, list[int]] = field(default_factory=dict)
    lists: list["Table"] = field(default_factory=list)
    children: dict[str, "Node"] = field(default_factory=dict)

    def at(self, path: Sequence[str]) -> "Node":
        """The node at the end of a path of local names, made where there is none."""
        node = self
        for name in path:
            node = node.children.setdefault(name, Node())
        return node


@dataclass(frozen=True)
class Leaf:
    """A scalar column: its slots in a row, the first that is filled counts."""

    source: str
    slots: tuple[int, ...]


@dataclass
class Table:
    """Rows of one level: records, or the items of a list inside them.

    ``source`` names the list in its parent; a list of bare texts has no ``leaves``, and one slot.
    """

    source: str
    root: Node = field(default_factory=Node)
    document: Node = field(default_factory=Node)  # paths that start at the document's root
    leaves: list[Leaf] = field(default_factory=list)
    lists: list["Table"] = field(default_factory=list)
    width: int = 0
    paths: list[str] = field(default_factory=list)  # of the slots, for messages

    @property
    def is_text(self) -> bool:
        """True for a list of bare texts."""
        return not self.leaves and not self.lists


def record_table(columns: Sequence[Column]) -> Table:
    """The table of records, with tables of the lists in them, for columns that have a source."""
    table = Table("")
    _fill(table, [column for column in columns if column.source is not None])
    return table


def local_name(tag: str) -> str:
    """The local name in ``{namespace}name`` or, where a prefix is bound to nothing, ``p:name``."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def _fill(table: Table, columns: Sequence[Column]) -> None:
    taken: set[str] = set()
    for column in columns:
        source = str(column.source)
        if source in taken:
            continue  # two columns may be made of one source
        taken.add(source)
        paths = (source, *column.aliases)
        if column.type == "list":
            inner = Table(source)
            if column.fields:
                _fill(inner, column.fields)
            else:
                inner.root.texts.append(_new_slot(inner, source))
            table.lists.append(inner)
            for path in paths:
                table.root.at(list(_steps(path))).lists.append(inner)
        else:
            table.leaves.append(Leaf(source, tuple(_leaf(table, path) for path in paths)))


def _leaf(table: Table, path: str) -> int:
    slot = _new_slot(table, path)
    root = table.document if path.startswith(FROM_ROOT) else table.root
    steps = list(_steps(path.removeprefix(FROM_ROOT)))
    last = steps.pop() if steps and steps[-1].startswith((ATTRIBUTE, OWN_NAME)) else ""
    node = root.at(steps)
    if last.startswith(ATTRIBUTE):
        node.attributes.setdefault(last.removeprefix(ATTRIBUTE), []).append(slot)
    elif last == OWN_NAME:
        node.names.append(slot)
    else:
        node.texts.append(slot)
    return slot


def _new_slot(table: Table, path: str) -> int:
    table.paths.append(path)
    table.width += 1
    return table.width - 1


def _steps(path: str) -> Iterator[str]:
    return (step for step in path.split(".") if step)
