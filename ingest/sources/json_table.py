"""Reads small JSON documents, such as code lists and tables of rates, whole.

What is a record is said by the contract's ``format.records``, one entry:

- a key: every object that has it, anywhere in the document, is a record of its plain values;
- a path that ends in ``{}`` (``{}``, ``Sector{}``): every member of that object is a record: its
  name is the column ``(key)``, a text the column ``(value)``, an object its plain values.

Numbers stay as they were written. Documents larger than MAX_BYTES are refused, so that memory is
bounded; records are counted in the tokens of the text, which shares no code with the parser.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.containers import open_bytes
from ingest.contract import Contract, Limits
from ingest.errors import ContractError, HostileInput, SchemaDrift, SourceRefused
from ingest.sources import Kind, Part, RawBatch

MAX_BYTES = 64 * 1024**2
BATCH_RECORDS = 20_000
KEY, VALUE, MEMBERS = "(key)", "(value)", "{}"
_TOKEN = re.compile(rb'("(?:[^"\\]|\\.)*")(\s*:)?|[{}\[\]]', re.DOTALL)

Record = dict[str, str | None]


class _Object(list[tuple[str, Any]]):
    """The members of a JSON object in their order, names that come twice included."""


class JsonTable:
    """One document; see the module docstring. Raises SourceRefused, SchemaDrift, HostileInput."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        if len(contract.format.records) != 1:
            raise ContractError(f"{contract.dataset}: format json_table needs one of 'records'.")
        self._contract = contract
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._what = contract.format.records[0]
        self._text = _read(contract.limits, path, self._where)
        self._records = list(_found(self._parsed(), self._what))
        self._named, self._drift = self._compare()

    @property
    def drift(self) -> tuple[str, ...]:
        """Keys that the contract does not know."""
        return self._drift

    def parts(self) -> Iterator[Part]:
        """Some thousand records each."""
        for first in range(0, len(self._records), BATCH_RECORDS):
            yield partial(self._batch, first)

    def records_read(self) -> int:
        """Records by the tokens of the text."""
        if self._what.endswith(MEMBERS):
            return _count_members(self._text, _path(self._what))
        key = json.dumps(self._what).encode()
        return sum(1 for t in _TOKEN.finditer(self._text) if t[1] == key and t[2])

    def _parsed(self) -> Any:
        try:
            return json.loads(self._text, object_pairs_hook=_Object, parse_float=str, parse_int=str)
        except RecursionError as error:
            raise HostileInput(f"{self._where} is nested too deeply.") from error
        except UnicodeDecodeError as error:
            raise SourceRefused(
                f"{self._where} is not UTF-8 at byte {error.start + 1}: wrong encoding."
            ) from error
        except ValueError as error:
            raise SourceRefused(
                f"{self._where} is not whole JSON: {error}. It was cut in transfer or damaged; "
                "fetch it again."
            ) from error

    def _compare(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Key -> the contract's first name for it, and what the contract does not know."""
        contract = self._contract
        keys = list(dict.fromkeys(key for record in self._records for key in record))
        if not self._records:
            raise SourceRefused(
                f"{self._where} holds no record of this dataset: records are {self._what!r} "
                f"('records' in {contract.dataset}.yml)."
            )
        named = contract.names_of(keys)
        lacks = set(contract.source_columns) - set(named.values()) - contract.may_lack
        if lacks:
            raise SchemaDrift(
                f"{self._where} misses the key {', '.join(sorted(lacks))}; it has instead: "
                f"{', '.join(keys)[:200]}. If the publisher renamed it, change 'source' in "
                f"{contract.dataset}.yml and raise its version."
            )
        return named, tuple(f"unknown column {key[:60]}" for key in contract.unknown(keys)[:100])

    def _batch(self, first: int) -> RawBatch:
        records = self._records[first : first + BATCH_RECORDS]
        keys = dict.fromkeys(key for record in self._records for key in record)
        columns = {
            self._named.get(key, key): pa.array([r.get(key) for r in records], pa.string())
            for key in keys
        }
        rows = pa.array(range(first + 1, first + len(records) + 1), pa.int64())
        return RawBatch(pa.RecordBatch.from_pydict(columns), rows, name=self._name)


def _read(limits: Limits, path: Path, where: str) -> bytes:
    text = b""
    with open_bytes(path, limits, where) as stream:
        while chunk := stream.read(1024**2):
            text += chunk
            if len(text) > MAX_BYTES:
                raise HostileInput(f"{where} is larger than {MAX_BYTES} bytes.")
    text = text.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip()[:1] not in (b"{", b"["):
        raise SourceRefused(f"{where} is {'not JSON' if text.strip() else 'empty'}.")
    return text


def _path(what: str) -> list[str]:
    return [step for step in what.removesuffix(MEMBERS).split(".") if step]


def _found(value: Any, what: str) -> Iterator[Record]:
    if not what.endswith(MEMBERS):
        yield from _holding(value, what)
        return
    for step in _path(what):
        members = dict(value) if isinstance(value, _Object) else {}
        value = members.get(step)
    for name, member in value if isinstance(value, _Object) else ():
        plain = _plain(member) if isinstance(member, _Object) else {VALUE: _as_text(member)}
        yield {KEY: name, **plain}


def _holding(value: Any, key: str) -> Iterator[Record]:
    """Objects that have the key, in the order of the document."""
    if isinstance(value, _Object):
        if any(name == key for name, _ in value):
            yield _plain(value)
        value = [member for _, member in value]
    if isinstance(value, list):
        for member in value:
            if isinstance(member, list):
                yield from _holding(member, key)


def _plain(members: _Object) -> Record:
    return {name: _as_text(value) for name, value in members if not isinstance(value, list)}


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _count_members(text: bytes, path: list[str]) -> int:
    """Names in the object at the path, by depth and by the names around it."""
    wanted = [json.dumps(step).encode() for step in path]
    names: list[bytes] = []
    count = 0
    for token in _TOKEN.finditer(text):
        if token[0] in (b"{", b"["):
            names.append(b"")
        elif token[0] in (b"}", b"]"):
            names = names[:-1]
        elif token[2] and names:
            names[-1] = token[1]
            count += len(names) == len(wanted) + 1 and names[:-1] == wanted
    return count


def _is_json(path: Path) -> bool:
    try:
        with open_bytes(path, Limits()) as stream:
            head = stream.read(4096)
    except SourceRefused:
        return False  # the reader that takes it for something else will say so by its name
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


JSON_TABLE = Kind(_is_json, JsonTable)
