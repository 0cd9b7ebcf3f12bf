"""Cuts a text into JSON documents without parsing them: lines, or values by their brackets.

Where each line is a value (JSON Lines) the line end decides, so a broken line harms no other.
Else documents are the values of the text, or those in its one list. A document is handed on
whole, unless it is a package larger than HELD_BYTES: then the elements of its list are, one block
after the other. Memory is a chunk and what is held.
"""

from collections.abc import Iterator

import numpy as np

from ingest.errors import HostileInput, SourceRefused
from ingest.sources.json_brackets import NONE, BracketFinder
from ingest.sources.ocds_keys import LISTS, Publisher, keys_in, publisher_of
from ingest.sources.ocds_lines import (
    BLANKS,
    HEAD_BYTES,
    MAX_DOCUMENT_BYTES,
    Documents,
    Lines,
    Package,
    is_lines,
)

HELD_BYTES = 8 * 1024**2  # a package that is larger is read element by element
MAX_DEPTH = 64
_BETWEEN = BLANKS + b","


class DocumentReader:
    """Feed it the text in order, chunk by chunk, then ``finish``.

    Both give documents in the order of the text, and raise SourceRefused and HostileInput.
    ``publishers`` are those of packages whose elements were handed on, by number.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._head = b""
        self._way: Lines | _Values | None = None

    @property
    def publishers(self) -> dict[int, Publisher]:
        """Known when a package has ended."""
        return self._way.publishers if isinstance(self._way, _Values) else {}

    def feed(self, chunk: bytes) -> Iterator[Documents]:
        """Documents that end in the chunk."""
        if self._way is None:
            self._head += chunk
            if len(self._head) < HEAD_BYTES:
                return
            chunk = self._begin()
        assert self._way is not None
        yield from self._way.feed(chunk)

    def finish(self) -> Iterator[Documents]:
        """What is left."""
        if self._way is None:
            chunk = self._begin()
            assert self._way is not None
            yield from self._way.feed(chunk)
        yield from self._way.finish()

    def _begin(self) -> bytes:
        head, self._head = self._head, b""
        start = head.lstrip(BLANKS)
        if not start:
            raise SourceRefused(f"{self._where} is empty.")
        if start[:1] not in (b"{", b"["):
            html = start[:20].lower().startswith((b"<!doctype html", b"<html"))
            what = "an HTML page, not data" if html else f"no JSON object or list: {start[:20]!r}"
            raise SourceRefused(f"{self._where} is {what}.")
        self._way = Lines(self._where) if is_lines(head) else _Values(self._where)
        return head


class _Values:
    """Documents by their brackets."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._finder = BracketFinder()
        self._text = b""
        self._found = NONE
        self._base: int | None = None  # depth of documents
        self._package: Package | None = None
        self._in_list = False
        self._large = 0  # packages whose elements were handed on
        self._given = 0  # documents so far
        self.publishers: dict[int, Publisher] = {}

    def feed(self, chunk: bytes) -> Iterator[Documents]:
        fresh = self._finder.feed(np.frombuffer(chunk, dtype=np.uint8))
        if fresh.lowest < 0:
            raise self._refused("is no JSON: a bracket closes what none has opened")
        if fresh.deepest > MAX_DEPTH:
            raise HostileInput(f"{self._where} is nested deeper than {MAX_DEPTH} levels.")
        self._found = self._found.joined(fresh.shifted(len(self._text)))
        self._text += chunk
        if self._base is None:
            self._base = int(self._text.lstrip(BLANKS)[:1] == b"[")
        yield from self._cut(self._base)

    def finish(self) -> Iterator[Documents]:
        if self._finder.depth or self._finder.in_string:
            raise self._refused(
                f"ends inside document {self._given + 1}: it was cut in transfer. Fetch it again"
            )
        if self._text.strip(_BETWEEN + b"[]"):
            raise self._refused(f"holds text that is no JSON object: {self._text[:40]!r}")
        yield from ()

    def _cut(self, base: int) -> Iterator[Documents]:
        while True:
            if self._package is None:
                yield from self._whole(base)
                if len(self._text) <= HELD_BYTES or not self._enter(base):
                    return
            elif self._in_list:
                yield from self._elements(base + 2)
                if self._in_list:
                    return
            elif not self._enter(base) and not self._leave(base):
                return

    def _whole(self, depth: int) -> Iterator[Documents]:
        starts, ends = self._spans(depth, len(self._text))
        first, last = (int(starts[0]) if len(starts) else None, int(ends[-1]) if len(ends) else 0)
        # A list at the root opens and closes around its documents.
        self._check_gaps(starts, ends, last if first is None else None, b"[]" if depth else b"")
        if len(ends):
            yield Documents(self._text, starts[: len(ends)], ends, depth, self._found)
            self._given += len(ends)
            self._drop(last)
        if len(self._text) > MAX_DOCUMENT_BYTES:
            raise self._too_long()

    def _enter(self, base: int) -> bool:
        """Go into the next list of releases or records of the package that begins here."""
        closing = self._closing(base + 1)  # what stands beyond is another document's
        stop = len(self._text) if closing is None else closing
        keys = keys_in(self._text, self._found, LISTS, base + 1)
        keys = [key for key in keys if key.square and key.at < stop]
        if not keys:
            if self._package is None and len(self._text) > MAX_DOCUMENT_BYTES:
                raise self._too_long()
            return False
        publisher = None
        if self._package is None:
            begin = int(self._spans(base, stop)[0][0])
            publisher = publisher_of(self._text[begin : keys[0].at] + b"[]}")
            self._large += 1
        number = self._large - 1
        if publisher:
            self.publishers[number] = publisher
        known = publisher or self.publishers.get(number)
        self._package = Package(number, keys[0].name == b"records", known)
        self._in_list = True
        self._drop(keys[0].at + 1)
        return True

    def _elements(self, depth: int) -> Iterator[Documents]:
        closing = self._closing(depth)
        stop = len(self._text) if closing is None else closing
        starts, ends = self._spans(depth, stop)
        self._check_gaps(starts, ends, stop, b"")
        if len(ends):
            yield Documents(
                self._text, starts[: len(ends)], ends, depth, self._found, self._package
            )
            self._given += len(ends)
        if closing is not None:
            self._in_list = False
            self._drop(closing)
        else:
            self._drop(int(ends[-1]) if len(ends) else 0)
            if len(self._text) > MAX_DOCUMENT_BYTES:
                raise self._too_long()

    def _leave(self, base: int) -> bool:
        """Leave the package where it ends in the text; what stands after its list is kept."""
        closing = self._closing(base + 1)
        if closing is None:
            if len(self._text) > MAX_DOCUMENT_BYTES:
                raise HostileInput(
                    f"{self._where} has more than {MAX_DOCUMENT_BYTES} bytes after the list of a "
                    "package."
                )
            return False
        publisher = publisher_of(b"{" + self._text[1:closing].lstrip(_BETWEEN) + b"}")
        if publisher and self._package:
            self.publishers.setdefault(self._package.number, publisher)
        self._package = None
        self._drop(closing + 1)
        return True

    def _spans(self, depth: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Where values of that depth begin and end, up to ``stop``; the last may not end."""
        found = self._found
        inside = found.at < stop
        starts = found.at[found.opens & (found.depth == depth) & inside]
        ends = found.at[~found.opens & (found.depth == depth + 1) & inside] + 1
        return starts, ends

    def _closing(self, depth: int) -> int | None:
        """Where what holds values of that depth is closed."""
        found = self._found
        at = found.at[~found.opens & (found.depth == depth)]
        return int(at[0]) if len(at) else None

    def _check_gaps(
        self, starts: np.ndarray, ends: np.ndarray, stop: int | None, also: bytes
    ) -> None:
        """Nothing but commas and blanks may stand between documents."""
        edges = [0, *ends.tolist()]
        until = [
            *starts.tolist(),
            *([stop] if stop is not None and len(starts) == len(ends) else []),
        ]
        for begin, end in zip(edges, until, strict=False):
            if end > begin and self._text[begin:end].strip(_BETWEEN + also):
                odd = self._text[begin:end].strip(_BETWEEN + also)
                raise self._refused(f"holds something else than JSON objects: {odd[:40]!r}")

    def _drop(self, length: int) -> None:
        self._text = self._text[length:]
        self._found = self._found.since(length)

    def _too_long(self) -> HostileInput:
        return HostileInput(
            f"{self._where}: document {self._given + 1} is longer than {MAX_DOCUMENT_BYTES} bytes."
        )

    def _refused(self, what: str) -> SourceRefused:
        return SourceRefused(f"{self._where} {what}.")
