"""Reads records out of XML: one document, or all documents in a zip archive.

What is a record, and what is taken of it, is said by the contract: ``format.records`` and the
sources of the columns (``xml_paths``). A document without records, an empty member of an archive
and one that is no XML are told, not lost. How many records there are comes from ``xml_scan``,
which shares no code with the parser.
"""

import codecs
import io
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from ingest.containers import open_members
from ingest.contract import Contract, Limits
from ingest.errors import ContractError, SchemaDrift, SourceRefused
from ingest.sources import Kind, Part, RawBatch
from ingest.sources.xml_documents import RecordMatcher, XmlDocument, XmlHead
from ingest.sources.xml_paths import record_table
from ingest.sources.xml_scan import RecordCounter, RecordName
from ingest.sources.xml_shred import Gathered

CHUNK_BYTES = 256 * 1024
BATCH_BYTES = 4 * 1024**2
BATCH_RECORDS = 20_000
_MAX_TOLD = 100
_MARKS = {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\x00": "utf-16-le",
    b"\x00<": "utf-16-be",
}


class XmlRecords:
    """One file of XML, or of many documents in a zip; see the module docstring."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        if not contract.format.records:
            raise ContractError(f"{contract.dataset}: format xml needs 'records'.")
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._names = [RecordName.of(text) for text in contract.format.records]
        self._is_record = RecordMatcher(self._names)
        self._gathered = Gathered(record_table(contract.columns))
        self._counted = self._given = self._bytes = 0
        self._foreign: Counter[str] = Counter()

    @property
    def drift(self) -> tuple[str, ...]:
        """What lies beside the records, and in them what the contract does not know."""
        repeated = self._gathered.repeated.most_common(_MAX_TOLD)
        return (
            *(f"{count} {what}" for what, count in self._foreign.most_common(_MAX_TOLD)),
            *(f"unknown column {name[:60]}" for name in self._unknown()[:_MAX_TOLD]),
            *(
                f"{path} comes again {count} times; the first counts"
                for path, count in repeated
                if path not in self._told
            ),
        )

    def parts(self) -> Iterator[Part]:
        """Batches of records, each out of about 4 MiB of XML."""
        for member, stream in open_members(self._path, self._contract.limits, self._where):
            where = f"{self._where}: {member[:200]!r}" if member else self._where
            with stream:
                yield from self._member(member, _text(stream, where), where)
        yield from self._part()
        unknown = self._unknown()
        if unknown and self._contract.unknown_columns == "stop":
            raise SchemaDrift(
                f"{self._where} has the unknown element {', '.join(unknown)[:200]}. Describe it in "
                f"{self._contract.dataset}.yml and raise its version."
            )
        if not self._counted:
            told = ", ".join(what for what, _ in self._foreign.most_common(5))
            raise SourceRefused(
                f"{self._where} holds no record of this dataset: {told or 'no document'}. Records "
                f"are {', '.join(self._contract.format.records)[:300]} ('records' in "
                f"{self._contract.dataset}.yml)."
            )

    def records_read(self) -> int:
        """Record elements in the bytes."""
        return self._counted

    def _member(self, member: str, chunks: Iterator[bytes], where: str) -> Iterator[Part]:
        head = next(chunks, b"")
        if not head:
            if not member:
                raise SourceRefused(f"{where} is empty (0 bytes). Fetch it again.")
            self._foreign["members of the archive are empty (0 bytes)"] += 1
        elif member and not head.lstrip().startswith(b"<"):
            kind = PurePosixPath(member).suffix[:20] or "no extension"
            self._foreign[f"members of the archive are no XML ({kind})"] += 1
        else:
            yield from self._document(head, chunks, where)

    def _document(self, chunk: bytes, chunks: Iterator[bytes], where: str) -> Iterator[Part]:
        counter = RecordCounter(self._names, where)
        counter.feed(chunk)
        head = XmlHead.of(chunk, where)
        document = XmlDocument(self._is_record, self._gathered.begin_document, head, where)
        while chunk:
            for element in document.feed(chunk):
                self._gathered.add(element)
            self._bytes += len(chunk)
            if self._bytes >= BATCH_BYTES or len(self._gathered) >= BATCH_RECORDS:
                yield from self._part()
            chunk = next(chunks, b"")
            counter.feed(chunk)
        for element in document.finish():
            self._gathered.add(element)
        self._counted += counter.records
        if not counter.records:
            self._foreign[f"documents hold no record ({document.kind})"] += 1
        for path, count in document.beside.items():
            if path.rpartition("/")[2] not in self._told:
                self._foreign[f"elements beside the records ({path})"] += count

    def _part(self) -> Iterator[Part]:
        count = len(self._gathered)
        if count:
            rows = pa.array(np.arange(1, count + 1, dtype=np.int64) + self._given)
            columns = self._gathered.take()
            yield partial(_batch, columns, rows, self._name)
        self._given += count
        self._bytes = 0

    @property
    def _told(self) -> set[str]:
        return {*self._contract.masked, *self._contract.ignored}

    def _unknown(self) -> list[str]:
        return sorted(self._gathered.unknown - self._told)


def _batch(columns: dict[str, pa.Array], rows: pa.Array, name: str) -> RawBatch:
    return RawBatch(pa.RecordBatch.from_pydict(columns), rows, name=name)


def _text(stream: io.BufferedIOBase, where: str) -> Iterator[bytes]:
    """The bytes of a document in pieces, UTF-16 turned into UTF-8, without a mark of order."""
    chunk = stream.read(CHUNK_BYTES).removeprefix(codecs.BOM_UTF8)
    encoding = next((name for mark, name in _MARKS.items() if chunk.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
    while chunk:
        try:
            yield decoder.decode(chunk).encode() if decoder else chunk
        except UnicodeDecodeError as error:
            raise SourceRefused(f"{where} is no {encoding}: {error.reason}.") from error
        chunk = stream.read(CHUNK_BYTES)


def _is_xml(path: Path) -> bool:
    """True where the first document, of an archive the first that is not empty, begins as XML."""
    try:
        for _, stream in open_members(path, Limits()):
            with stream:
                head = next(_text(stream, path.name), b"").lstrip()
            if head:
                return head.startswith(b"<") and not head[:15].lower().startswith(b"<!doctype html")
    except SourceRefused:
        pass  # the reader that takes it for something else will say so by its name
    return False


XML = Kind(_is_xml, XmlRecords)
