"""Finds the releases in OCDS documents: one row each, counted by brackets alone.

A document is a release, a record or a package of either. What a record means: releases that stand
in it are rows; where it only links them, its compiled release is the row, else the last values of
its versioned release; links without either are rows that must be refused. Nothing of a release is
parsed here; of packages and records, what stands around their releases.
"""

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ingest.sources.json_brackets import BracketFinder, Brackets
from ingest.sources.ocds_keys import (
    HOLDERS,
    LISTS,
    Key,
    Publisher,
    holds_keys,
    keys_in,
    publisher_of,
)
from ingest.sources.ocds_lines import Documents

RELEASE, COMPILED, VERSIONED, LINKED, EMPTY, BROKEN = range(6)
LINK_BYTES = 4096  # a link is an address, a date and tags
_BETWEEN = b" \t\r\n,"
_CURLY, _CLOSE = 0x7B, 0x7D
_LEVELS = 4  # a package in a list, its records, their releases


@dataclass
class Rows:
    """Rows in the order of ``text``: where each stands and of what kind it is.

    ``publishers`` are who published the package of a row, by row; ``reasons`` say what is wrong
    with broken ones.
    """

    text: bytes
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    publishers: list[Publisher | None] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts)

    def add(
        self, start: int, end: int, kind: int, publisher: Publisher | None, reason: str = ""
    ) -> None:
        """Append a row."""
        if reason:
            self.reasons[len(self.starts)] = reason
        self.starts.append(start)
        self.ends.append(end)
        self.kinds.append(kind)
        self.publishers.append(publisher)


def rows_of(documents: Documents, publisher: Publisher | None = None) -> Rows:
    """The rows of some documents; ``publisher`` is that of the package they are elements of."""
    of_records = documents.package is not None and documents.package.of_records
    if not of_records and not holds_keys(documents.text):
        return _plain(documents, publisher)
    found = documents.brackets
    if found is None:
        finder = BracketFinder()
        found = finder.feed(np.frombuffer(documents.text, dtype=np.uint8))
        if finder.in_string or not _in_order(documents, found):
            return _one_by_one(documents, publisher)
    rows = Rows(documents.text)
    spans = list(zip(documents.starts.tolist(), documents.ends.tolist(), strict=True))
    _Walk(rows, found).walk(spans, documents.depth, publisher, in_record=of_records)
    return rows


def _plain(documents: Documents, publisher: Publisher | None) -> Rows:
    """Documents that are releases, all of them."""
    data = np.frombuffer(documents.text, dtype=np.uint8)
    whole = (data[documents.starts] == _CURLY) & (data[documents.ends - 1] == _CLOSE)
    if not whole.all():
        return _one_by_one(documents, publisher)
    count = len(documents.starts)
    return Rows(
        documents.text, documents.starts.tolist(), documents.ends.tolist(), [RELEASE] * count,
        [publisher] * count,
    )  # fmt: skip


def _in_order(documents: Documents, found: Brackets) -> bool:
    """True where every document begins and ends with its own bracket."""
    first = np.searchsorted(found.at, documents.starts)
    last = np.searchsorted(found.at, documents.ends - 1)
    if not len(found.at) or max(first.max(), last.max()) >= len(found.at):
        return False
    begins = (found.at[first] == documents.starts) & (found.depth[first] == documents.depth)
    ends = (found.at[last] == documents.ends - 1) & (found.depth[last] == documents.depth + 1)
    return bool(begins.all() and ends.all() and found.curly[first].all())


def _one_by_one(documents: Documents, publisher: Publisher | None) -> Rows:
    """The same where some documents are broken: each by itself."""
    rows = Rows(documents.text)
    for start, end in zip(documents.starts.tolist(), documents.ends.tolist(), strict=True):
        text = documents.text[start:end]
        finder = BracketFinder()
        found = finder.feed(np.frombuffer(text, dtype=np.uint8))
        if text[:1] == b"[" and not finder.in_string and not finder.depth and found.lowest == 0:
            starts = found.at[found.opens & (found.depth == 1)].tolist()
            ends = (found.at[~found.opens & (found.depth == 2)] + 1).tolist()
            if starts and _only_values(text, starts, ends, 1, len(text) - 1):
                spans = list(zip(starts, ends, strict=True))
                inner = Rows(text)
                _Walk(inner, found).walk(spans, 1, publisher, in_record=False)
                _append(rows, inner, start)
                continue
        alone = Documents(text, np.array([0]), np.array([len(text)]))
        if finder.in_string or not _in_order(alone, found):
            rows.add(start, end, BROKEN, publisher, _what_is_wrong(text))
            continue
        inner = Rows(text)
        _Walk(inner, found).walk([(0, len(text))], 0, publisher, in_record=False)
        _append(rows, inner, start)
    return rows


def _append(rows: Rows, inner: Rows, offset: int) -> None:
    for number in range(len(inner)):
        rows.add(
            inner.starts[number] + offset, inner.ends[number] + offset, inner.kinds[number],
            inner.publishers[number], inner.reasons.get(number, ""),
        )  # fmt: skip


def _what_is_wrong(text: bytes) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return "is no JSON object"


class _Walk:
    """Goes from documents down to their releases, and appends them to ``rows``."""

    def __init__(self, rows: Rows, found: Brackets) -> None:
        self._rows = rows
        self._text = rows.text
        self._found = found
        self._keys: dict[int, list[Key]] = {}  # by depth
        self._ends: dict[int, np.ndarray] = {}  # of what stands at a depth

    def walk(
        self, spans: list[tuple[int, int]], depth: int, publisher: Publisher | None, *,
        in_record: bool,
    ) -> None:  # fmt: skip
        """Rows of the documents in ``spans``, which stand at ``depth``."""
        keys = self._keys_at(depth + 1)
        at = np.array([key.at for key in keys], dtype=np.int64)
        begin = np.searchsorted(at, [start for start, _ in spans])
        stop = np.searchsorted(at, [end for _, end in spans])
        for number, (start, end) in enumerate(spans):
            own = keys[begin[number] : stop[number]]
            if own:
                self._holder(start, end, depth, own, publisher, in_record=in_record)
            elif self._text[start] != _CURLY:
                self._rows.add(start, end, BROKEN, publisher, "is no JSON object")
            else:
                self._rows.add(start, end, EMPTY if in_record else RELEASE, publisher)

    def _holder(
        self, start: int, end: int, depth: int, keys: list[Key], publisher: Publisher | None, *,
        in_record: bool,
    ) -> None:  # fmt: skip
        """Rows of a package or record."""
        held = {key.name: (key, self._end(key, depth + 1)) for key in keys}
        try:
            envelope = self._envelope(start, end, list(held.values()))
        except (ValueError, RecursionError) as error:
            self._rows.add(start, end, BROKEN, publisher, f"around its releases: {error}")
            return
        wrong = [key.name.decode() for key, _ in held.values() if key.square != (key.name in LISTS)]
        if len(held) < len(keys) or wrong:
            what = f"{wrong[0]} is of another type" if wrong else "a key stands twice"
            self._rows.add(start, end, BROKEN, publisher, what)
            return
        publisher = publisher_of(envelope) or publisher
        before = len(self._rows)
        in_record = in_record or "ocid" in envelope or bool(set(held) - set(LISTS))
        if b"records" in held:
            self._list(held[b"records"], depth, publisher, in_record=True)
        compiled = held.get(b"compiledRelease") or held.get(b"versionedRelease")
        if b"releases" in held:
            self._releases(held[b"releases"], depth, publisher, linked=compiled is None)
        if len(self._rows) == before and compiled:
            kind = COMPILED if compiled[0].name == b"compiledRelease" else VERSIONED
            self._rows.add(compiled[0].at, compiled[1], kind, publisher)
        if len(self._rows) == before and in_record:
            self._rows.add(start, end, EMPTY, publisher)

    def _list(
        self, held: tuple[Key, int], depth: int, publisher: Publisher | None, *, in_record: bool
    ) -> None:
        spans = self._elements(*held, depth)
        if spans is None:
            self._odd(held, publisher)
        elif spans:
            self.walk(spans, depth + 2, publisher, in_record=in_record)

    def _releases(
        self, held: tuple[Key, int], depth: int, publisher: Publisher | None, *, linked: bool
    ) -> None:
        """Releases as rows; links among them are told only where ``linked`` or some stand there."""
        spans = self._elements(*held, depth)
        if spans is None:
            self._odd(held, publisher)
            return
        kinds = [LINKED if self._is_link(*span) else RELEASE for span in spans]
        if linked or RELEASE in kinds:
            for (start, end), kind in zip(spans, kinds, strict=True):
                self._rows.add(start, end, kind, publisher)

    def _odd(self, held: tuple[Key, int], publisher: Publisher | None) -> None:
        what = f"{held[0].name.decode()} holds something else than objects"
        self._rows.add(held[0].at, held[1], BROKEN, publisher, what)

    def _elements(self, key: Key, end: int, depth: int) -> list[tuple[int, int]] | None:
        """The objects in a list; None where it holds something else."""
        found, first = self._found, key.bracket + 1
        last = int(np.searchsorted(found.at, end - 1))
        level, opens = found.depth[first:last], found.opens[first:last]
        at = found.at[first:last]
        begins = opens & (level == depth + 2)
        starts = at[begins].tolist()
        ends = (at[~opens & (level == depth + 3)] + 1).tolist()
        if not found.curly[first:last][begins].all():
            return None
        if not _only_values(self._text, starts, ends, key.at + 1, end - 1):
            return None
        return list(zip(starts, ends, strict=True))

    def _envelope(self, start: int, end: int, held: list[tuple[Key, int]]) -> dict[str, Any]:
        """What stands around the releases; raises ValueError where that is no object."""
        pieces, place = [], start
        for key, stop in sorted(held, key=lambda item: item[0].at):
            pieces.append(self._text[place : key.at])
            place = stop
        pieces.append(self._text[place:end])
        envelope = json.loads(b"null".join(pieces).decode("utf-8", "replace"))
        if not isinstance(envelope, dict):
            raise ValueError("no object")
        return envelope

    def _is_link(self, start: int, end: int) -> bool:
        if end - start > LINK_BYTES or self._text.find(b'"url"', start, end) < 0:
            return False
        return self._text.find(b'"ocid"', start, end) < 0

    def _keys_at(self, depth: int) -> list[Key]:
        if depth not in self._keys:
            self._keys[depth] = keys_in(self._text, self._found, HOLDERS, depth)
        return self._keys[depth]

    def _end(self, key: Key, depth: int) -> int:
        """One beyond the bracket that closes a key's value."""
        if depth not in self._ends:
            found = self._found
            self._ends[depth] = found.at[~found.opens & (found.depth == depth + 1)]
        ends = self._ends[depth]
        return int(ends[np.searchsorted(ends, key.at)]) + 1


def _only_values(text: bytes, starts: list[int], ends: list[int], first: int, last: int) -> bool:
    """True where nothing but commas and blanks stands between values from ``first`` to ``last``."""
    edges = [first, *(edge for span in zip(starts, ends, strict=True) for edge in span), last]
    gaps = list(pairwise(edges))[::2]
    return not any(end > begin and text[begin:end].strip(_BETWEEN) for begin, end in gaps)


def numbered(rows: Rows, picks: list[int]) -> Rows:
    """Only those rows."""
    return replace(
        rows,
        starts=[rows.starts[n] for n in picks], ends=[rows.ends[n] for n in picks],
        kinds=[rows.kinds[n] for n in picks], publishers=[rows.publishers[n] for n in picks],
        reasons={at: rows.reasons[n] for at, n in enumerate(picks) if n in rows.reasons},
    )  # fmt: skip
