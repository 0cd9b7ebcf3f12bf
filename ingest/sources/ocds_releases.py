"""Reads OCDS releases, whatever they come in: packages, records, JSON Lines, lists, single ones.

Blocks of documents are cut into releases by their brackets, which also count them; pyarrow parses a
block of releases at once, and a block that it cannot goes record by record. Either way gives the
same rows.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.containers import open_bytes
from ingest.contract import Contract
from ingest.sources import Kind, Malformed, Part, RawBatch
from ingest.sources.json_shape import Shape, Unshaped, is_read
from ingest.sources.json_tolerant import Columns, Odd, deleted, read_record, shown
from ingest.sources.ocds_documents import DocumentReader
from ingest.sources.ocds_keys import Publisher
from ingest.sources.ocds_lines import Documents
from ingest.sources.ocds_rows import (
    BROKEN,
    COMPILED,
    EMPTY,
    LINKED,
    VERSIONED,
    Rows,
    numbered,
    rows_of,
)
from ingest.sources.ocds_versions import is_versioned, latest
from ingest.sources.text_stream import utf8_chunks

BLOCK_BYTES = 4 * 1024**2
MAX_TEXT = 4_000
IS_COMPILED, NULLS = "(compiled)", "(nulls)"  # sources of what is told of a release
PUBLISHER_NAME, PUBLISHER_URI, TAGS = "publisher.name", "publisher.uri", "tag"
_REASONS = {
    LINKED: "linked releases must be fetched: the record holds an address instead of a release",
    EMPTY: "the record holds no release",
}


class OcdsReleases:
    """One file of releases; see the module docstring. Raises SourceRefused and HostileInput."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._shape = Shape(contract)
        self._tells_nulls = any(c.source == NULLS for c in contract.columns)
        self._records = 0

    @property
    def drift(self) -> tuple[str, ...]:
        """Nothing: what publishers add to the standard is none of ours."""
        return ()

    def parts(self) -> Iterator[Part]:
        """Blocks of whole releases, about 4 MiB each."""
        ahead: dict[int, Publisher] | None = None
        for documents in self._documents(DocumentReader(self._where)):
            package = documents.package
            publisher = package.publisher if package else None
            if package and publisher is None:
                ahead = self._publishers_ahead() if ahead is None else ahead
                publisher = ahead.get(package.number)
            rows = rows_of(documents, publisher)
            if len(rows):
                yield partial(self._parse, rows, self._records)
                self._records += len(rows)

    def records_read(self) -> int:
        """Releases, and what stands in a release's place, as their brackets count them."""
        return self._records

    def _documents(self, reader: DocumentReader) -> Iterator[Documents]:
        with open_bytes(self._path, self._contract.limits, self._where) as stream:
            encodings = self._contract.format.encodings
            for chunk in utf8_chunks(stream, encodings, BLOCK_BYTES, self._where):
                yield from reader.feed(chunk)
            yield from reader.finish()

    def _publishers_ahead(self) -> dict[int, Publisher]:
        """Publishers that stand behind the releases of their large packages: read to the end."""
        reader = DocumentReader(self._where)
        for _ in self._documents(reader):
            pass
        return reader.publishers

    def _parse(self, rows: Rows, given: int) -> RawBatch:
        bad = [n for n, kind in enumerate(rows.kinds) if kind in (LINKED, EMPTY, BROKEN)]
        malformed = [self._malformed(rows, n, given) for n in bad]
        good = rows
        if bad:
            out = set(bad)
            good = numbered(rows, [n for n in range(len(rows)) if n not in out])
        numbers = np.setdiff1d(np.arange(len(rows)), np.array(bad, dtype=np.int64))
        whole = None
        try:
            columns, damaged = self._typed(good), False
            whole = partial(self._as_published, good)
        except Unshaped:
            columns, kept, odd, damaged = self._one_by_one(good)
            malformed += [
                Malformed(given + int(numbers[n]) + 1, self._shown(good, n), reason)
                for n, reason in odd.items()
            ]
            numbers = numbers[kept]
        malformed.sort(key=lambda m: m.row)
        places = pa.array(numbers.astype(np.int64) + (given + 1))
        batch = pa.RecordBatch.from_pydict(columns)
        return RawBatch(batch, places, tuple(malformed), damaged, self._name, whole)

    def _as_published(self, rows: Rows) -> pa.RecordBatch:
        """All releases of a block that was parsed at once, their numbers as they were written."""
        return pa.RecordBatch.from_pydict(self._one_by_one(rows)[0])

    def _typed(self, rows: Rows) -> dict[str, pa.Array]:
        """The releases by pyarrow; raises Unshaped."""
        if not len(rows) or VERSIONED in rows.kinds:
            raise Unshaped("nothing to parse at once")
        spans = zip(rows.starts, rows.ends, strict=True)
        text = b"\n".join([rows.text[start:end] for start, end in spans])
        columns = self._shape.parse(text, len(rows))
        return self._told(columns, rows, self._nulls(rows, text))

    def _one_by_one(
        self, rows: Rows
    ) -> tuple[dict[str, pa.Array], list[int], dict[int, str], bool]:
        """The releases that can be shaped, which these are, what is wrong with the others."""
        columns, kept, odd, damaged = Columns(self._contract), list[int](), dict[int, str](), False
        nulls: list[list[str] | None] = []
        for number in range(len(rows)):
            try:
                record, harmed = read_record(rows.text[rows.starts[number] : rows.ends[number]])
                if rows.kinds[number] == VERSIONED or is_versioned(record):
                    rows.kinds[number], record = VERSIONED, latest(record)
                columns.add(record)
            except (ValueError, RecursionError, Odd) as error:
                odd[number] = str(error)
                continue
            kept.append(number)
            nulls.append(self._deleted(record))
            damaged = damaged or harmed
        good = numbered(rows, kept)
        return self._told(columns.arrays(), good, nulls), kept, odd, damaged

    def _told(
        self, columns: dict[str, pa.Array], rows: Rows, nulls: list[list[str] | None]
    ) -> dict[str, pa.Array]:
        """The columns with what is told of the releases: publisher, compiled, nulls."""
        for source, attribute in ((PUBLISHER_NAME, "name"), (PUBLISHER_URI, "uri")):
            told = [getattr(p, attribute) if p else None for p in rows.publishers]
            if source in columns:
                columns[source] = pc.coalesce(columns[source], pa.array(told, pa.string()))
        compiled = np.isin(rows.kinds, (COMPILED, VERSIONED)) | _tagged(columns.get(TAGS))
        columns[IS_COMPILED] = pa.array(compiled).cast(pa.string())
        if self._tells_nulls:
            columns[NULLS] = pa.array(nulls or [None] * len(rows), pa.list_(pa.string()))
        return columns

    def _nulls(self, rows: Rows, text: bytes) -> list[list[str] | None]:
        """What each release sets to null; empty where none of them does."""
        if not self._tells_nulls or b"null" not in text:
            return []
        found: list[list[str] | None] = [None] * len(rows)
        place = rows.text.find(b"null")
        while place >= 0:
            number = bisect_right(rows.starts, place) - 1
            following = len(rows.text)
            if number >= 0 and place < rows.ends[number]:
                record = msgspec.json.decode(rows.text[rows.starts[number] : rows.ends[number]])
                found[number] = self._deleted(record)
                following = rows.ends[number]
            elif number + 1 < len(rows):
                following = rows.starts[number + 1]
            place = rows.text.find(b"null", following)
        return found

    def _deleted(self, record: Any) -> list[str] | None:
        columns = [c for c in self._contract.columns if is_read(c)]
        return (deleted(record, columns) or None) if self._tells_nulls else None

    def _malformed(self, rows: Rows, number: int, given: int) -> Malformed:
        reason = rows.reasons.get(number) or _REASONS.get(rows.kinds[number], "is no release")
        return Malformed(given + number + 1, self._shown(rows, number), reason)

    def _shown(self, rows: Rows, number: int) -> str:
        return shown(rows.text[rows.starts[number] : rows.ends[number]], MAX_TEXT)


def _tagged(tags: pa.Array | None) -> np.ndarray:
    """Which rows carry the tag of compiled releases."""
    if tags is None:
        return np.zeros(0, bool)
    marked = np.zeros(len(tags), dtype=bool)
    if pa.types.is_list(tags.type):
        is_tag = np.asarray(pc.fill_null(pc.equal(tags.flatten(), "compiled"), False))
        marked[pc.list_parent_indices(tags).to_numpy()[is_tag]] = True
    return marked


OCDS_JSON = Kind(lambda _: True, OcdsReleases)
