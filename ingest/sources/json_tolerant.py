"""Brings JSON records into a contract's shape one by one, where the block parser could not.

What is meant beyond doubt is taken: one object where a list of objects is due, one text where a
list of texts is due, a list of one object where an object is due, numbers as text. A list that
holds something else is handed on as the JSON that it is, for the contract to refuse by column and
value. Contact points are dropped before anything of a record is handed on.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ingest.contract import Contract
from ingest.contract_column import Column
from ingest.nested import raw_type
from ingest.sources.json_shape import is_read

CONTACTS = ("contactPoint", "contactPoints", "additionalContactPoints", "contactPerson")
_CONTACT = re.compile(rf'"(?:{"|".join(CONTACTS)})"\s*:\s*(\{{[^{{}}]*\}}?|\[[^\]]*\]?)')


class Odd(Exception):
    """Raised when a value stands where another kind of value is due; tells which."""


class _NotListed(Exception):
    """Raised when a list holds something else than the contract says."""


class Columns:
    """Gathers shaped records; ``arrays`` gives them by ``source`` as text and lists of text."""

    def __init__(self, contract: Contract) -> None:
        self._columns = [c for c in contract.columns if is_read(c)]
        self._values: dict[str, list[Any]] = {str(c.source): [] for c in self._columns}
        self._unlisted: dict[str, dict[int, str]] = {}  # source -> row -> JSON
        self.rows = 0

    def add(self, record: dict[str, Any]) -> None:
        """Append one record; raises Odd, and nothing is appended then."""
        shaped, unlisted = {}, {}
        for column in self._columns:
            source = str(column.source)
            try:
                shaped[source] = _shaped(record, column)
            except _NotListed:
                shaped[source] = None
                raw = without_contacts(_dig(record, source))
                unlisted[source] = json.dumps(raw, ensure_ascii=False)
        for source, value in shaped.items():
            self._values[source].append(value)
        for source, text in unlisted.items():
            self._unlisted.setdefault(source, {})[self.rows] = text
        self.rows += 1

    def arrays(self) -> dict[str, pa.Array]:
        """The columns; one in which a list could not be shaped is JSON text as a whole."""
        return {str(c.source): self._array(c) for c in self._columns}

    def _array(self, column: Column) -> pa.Array:
        source = str(column.source)
        values, odd = self._values[source], self._unlisted.get(source)
        if odd is None:
            return pa.array(values, raw_type(column))
        texts = [None if v is None else json.dumps(v, ensure_ascii=False) for v in values]
        for row, text in odd.items():
            texts[row] = text
        return pa.array(texts, pa.string())


def read_record(text: bytes) -> tuple[dict[str, Any], bool]:
    """A record with numbers as the text they are, and whether bytes of it were no text.

    Raises ValueError and RecursionError.
    """
    plain = text.decode("utf-8", "replace")
    record = json.loads(plain, parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(record, dict):
        raise ValueError("is no JSON object")
    return record, "\ufffd" in plain


def without_contacts(value: Any) -> Any:
    """The value without contact points, at any depth."""
    if isinstance(value, dict):
        return {key: without_contacts(of) for key, of in value.items() if key not in CONTACTS}
    if isinstance(value, list):
        return [without_contacts(of) for of in value]
    return value


def shown(text: bytes, most: int) -> str:
    """The text of a record that cannot be shaped, without contact points, at most so long."""
    try:
        told = json.dumps(without_contacts(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        told = _CONTACT.sub('"contactPoint":{}', text.decode("utf-8", "replace"))
    return told[:most]


def deleted(record: Any, columns: Sequence[Column], before: str = "") -> list[str]:
    """Names of the columns that the record sets to null, in lists after the items' identifiers."""
    paths = []
    for column in columns:
        *objects, last = str(column.source).split(".")
        holder = record
        for name in objects:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or last not in holder:
            continue
        value = holder[last]
        if value is None:
            paths.append(before + column.name)
        elif isinstance(value, list) and column.fields:
            for item in value:
                if isinstance(item, dict) and item.get("id") is not None:
                    place = f"{before}{column.name}/{_escaped(str(item['id']))}/"
                    paths += deleted(item, column.fields, place)
    return paths


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")  # as in RFC 6901


def _shaped(record: dict[str, Any], column: Column) -> Any:
    value = _dig(record, str(column.source))
    if column.type != "list":
        return _leaf(value, column)
    if value is None or value in ({}, []):
        return None if value is None else []
    if not column.fields:
        items = value if isinstance(value, list) else [value]
        return [_text(item) for item in items if item is not None]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise _NotListed
    return [_item(item, column.fields) for item in value if item is not None]


def _item(item: Any, fields: Sequence[Column]) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise _NotListed
    return {str(field.source): _shaped(item, field) for field in fields}


def _leaf(value: Any, column: Column) -> str | None:
    if isinstance(value, dict | list):
        if not value:
            return None
        kind = "an object" if isinstance(value, dict) else "a list"
        raise Odd(f"{column.source} is {kind} where {column.type} is due")
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(without_contacts(value), ensure_ascii=False)


def _dig(record: Any, source: str) -> Any:
    value = record
    for name in source.split("."):
        if isinstance(value, list):
            if len(value) > 1:
                raise Odd(f"a list stands where the object with {name} of {source} is due")
            value = value[0] if value else None
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise Odd(f"{str(value)[:40]!r} stands where the object with {name} of {source} is due")
        value = value.get(name)
    return value
