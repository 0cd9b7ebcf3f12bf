"""Counts record elements in the bytes of one XML document, apart from the parser.

Outside of records a pattern looks for what may matter: an element that may be a record, a comment,
CDATA, an instruction, a document type. Inside a record only its own end tag and what could hide
one are searched for, which runs at the speed of memory. A document type is refused here, before a
parser sees it: it is where entities are declared.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.errors import HostileInput

MAX_TAG_BYTES = 1024**2
_NAME = rb"[\w.\-\x80-\xff]"
_TAG_REST = re.compile(rb"""[^"'<>]*(?:(?:"[^"<]*"|'[^'<]*')[^"'<>]*)*>""")
_HIDING = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_LONGEST = len(b"<![CDATA[")
_DOCTYPE = b"<!DOCTYPE"
_AFTER_NAME = b" \t\r\n/>"


@dataclass(frozen=True)
class RecordName:
    """Which elements are records: a local name, ``*`` for any rest, and an attribute it must have.

    Written ``name`` or ``name@attribute``.
    """

    name: str
    attribute: str = ""

    @classmethod
    def of(cls, text: str) -> "RecordName":
        """The record name that a contract writes."""
        name, _, attribute = text.partition("@")
        return cls(name, attribute)


class RecordCounter:
    """Counts the outermost records of one document; ``where`` begins its messages."""

    def __init__(self, records: Sequence[RecordName], where: str) -> None:
        self._where = where
        self._records = [(_pattern(record.name), record.attribute) for record in records]
        names = b"|".join(_pattern(record.name).pattern for record in records)
        hiding = b"|".join(re.escape(start[1:]) for start in (*_HIDING, _DOCTYPE))
        self._outside = re.compile(
            rb"<(?:" + hiding + rb"|(?:" + _NAME + rb"+:)?(" + names + rb")(?=[ \t\r\n/>]))"
        )
        self._rest = b""
        self._until = b""  # what ends the comment, CDATA or instruction that is being skipped
        self._inside = b""  # qualified name of the record that is open
        self._depth = 0
        self.records = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; raises HostileInput."""
        data = self._rest + chunk
        at = 0
        while at < len(data):
            self._rest = b""
            step = self._skip if self._until else self._within if self._inside else self._look
            at = step(data, at)
            if self._rest:
                break
        if len(self._rest) > MAX_TAG_BYTES:
            raise HostileInput(f"{self._where}: a tag is longer than {MAX_TAG_BYTES} bytes.")

    def _wait(self, data: bytes, at: int) -> int:
        """Nothing more can be told of the bytes from ``at`` on before the next come."""
        self._rest = data[at:]
        return len(data)

    def _skip(self, data: bytes, at: int) -> int:
        end = data.find(self._until, at)
        if end < 0:
            return self._wait(data, max(at, len(data) - len(self._until) + 1))
        end += len(self._until)
        self._until = b""
        return end

    def _look(self, data: bytes, at: int) -> int:
        """Outside of records: go to the next thing that matters."""
        found = self._outside.search(data, at)
        if found is None:
            tag = data.rfind(b"<", at)
            cut = tag >= 0 and data.find(b">", tag) < 0
            return self._wait(data, tag) if cut else len(data)
        if found[0] == _DOCTYPE:
            raise HostileInput(
                f"{self._where} declares a document type. Entities are not read; take the "
                "declaration out if the file is trusted."
            )
        if found[0] in _HIDING:
            self._until = _HIDING[found[0]]
            return found.end()
        rest = _TAG_REST.match(data, found.end())
        if rest is None:
            return self._wait(data, found.start())
        if self._is_record(found[1], rest[0]):
            self.records += 1
            if not rest[0].endswith(b"/>"):
                self._inside, self._depth = found[0].removeprefix(b"<"), 1
        return rest.end()

    def _is_record(self, name: bytes, attributes: bytes) -> bool:
        return any(
            pattern.fullmatch(name) is not None and (not wanted or _has(attributes, wanted))
            for pattern, wanted in self._records
        )

    def _within(self, data: bytes, at: int) -> int:
        """Inside a record: go to its end, to one of its name in it, or to what may hide those."""
        close, again = b"</" + self._inside, b"<" + self._inside
        end = data.find(close, at)
        stop = end if end >= 0 else len(data)
        places = [data.find(what, at, stop) for what in (again, b"<!", b"<?")]
        first = min([place for place in places if place >= 0], default=end)
        if first < 0:
            return self._wait(data, max(at, len(data) - len(close)))
        if data[first : first + 2] in (b"<!", b"<?"):
            return self._hide(data, first)
        return self._tag(data, first, len(close if first == end else again))

    def _hide(self, data: bytes, at: int) -> int:
        for start, end in _HIDING.items():
            if data.startswith(start, at):
                self._until = end
                return at + len(start)
        return self._wait(data, at) if len(data) - at < _LONGEST else at + 2

    def _tag(self, data: bytes, at: int, length: int) -> int:
        """A tag that begins with the record's name, which may be longer than that."""
        after = data[at + length : at + length + 1]
        if after and after not in _AFTER_NAME:
            return at + length
        rest = _TAG_REST.match(data, at + length)
        if rest is None:
            return self._wait(data, at)
        if data[at + 1 : at + 2] == b"/":
            self._depth -= 1
        elif not rest[0].endswith(b"/>"):
            self._depth += 1
        if not self._depth:
            self._inside = b""
        return rest.end()


def _pattern(name: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(name.encode()).replace(rb"\*", _NAME + b"*"))


def _has(attributes: bytes, name: str) -> bool:
    pattern = rb"[ \t\r\n](?:" + _NAME + rb"+:)?" + re.escape(name.encode()) + rb"[ \t\r\n]*="
    return re.search(pattern, attributes) is not None
