"""Finds out how one delimited file is laid out: encoding, delimiter, and which column is which.

Where the contract leaves a choice the file decides: the encoding by whether its first bytes
beyond ASCII are UTF-8, the delimiter by which most known columns appear in the header.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from ingest.contract import Contract
from ingest.contract_column import Column
from ingest.decimals import exact_type
from ingest.errors import SchemaDrift, SourceRefused

HEADER_BYTES = 64 * 1024
TRAILING = "(trailing)"  # a field beyond the header's, which must be empty


@dataclass(frozen=True)
class Layout:
    """How a file is laid out; ``names`` are its columns, known ones by the contract's name."""

    delimiter: str
    encoding: str
    names: tuple[str, ...]
    wanted: tuple[str, ...]  # columns that are read as text
    decimals: Mapping[str, pa.DataType]  # columns that may be read as decimals at once
    nulls: tuple[str, ...]  # words for null in those
    marks: tuple[str, ...]  # decimal marks to try in those, the likelier first
    drift: tuple[str, ...]  # columns that the contract does not know

    @property
    def is_utf8(self) -> bool:
        """True when the bytes are text as they stand."""
        return self.encoding == "utf-8"

    @property
    def trailing(self) -> tuple[str, ...]:
        """The column beyond the header's, if there is one."""
        return tuple(name for name in self.names if name == TRAILING)


def read_layout(contract: Contract, name: str, head: bytes, chunks: Iterable[bytes]) -> Layout:
    """The layout of a file called ``name`` that begins with ``head``; ``chunks`` is all of it.

    Raises SourceRefused where it is no delimited text, SchemaDrift where columns are missing.
    """
    problem = not_delimited(head)
    if problem:
        raise SourceRefused(f"{contract.dataset}: {name} {problem}.")
    encoding = encoding_of(contract.format.encodings, chunks)
    lines = _first_lines(contract, name, head, encoding)
    layout = contract.format
    found = {mark: _fields(lines[0], mark, layout.quote) for mark in layout.delimiters}
    known = contract.header_names
    delimiter = max(found, key=lambda mark: sum(field in known for field in found[mark]))
    header = found[delimiter]
    drift = compare_header(contract, name, header)
    named = contract.names_of(header)
    names = [named.get(field, field) or "(no name)" for field in header]
    if layout.trailing_delimiter and len(lines) > 1:
        fields = _fields(lines[1], delimiter, layout.quote)
        names += [TRAILING] if len(fields) == len(header) + 1 else []
    decimals = _decimals(contract, names)
    first = next(iter(decimals.values()), None)
    return Layout(
        delimiter,
        encoding,
        tuple(names),
        tuple(n for n in names if n in contract.source_columns and n not in decimals),
        {n: exact_type(column) for n, column in decimals.items()},
        first.nulls if first else (),
        _marks(first.decimal_mark if first else ".", delimiter),
        drift,
    )


def not_delimited(head: bytes) -> str | None:
    """What the first bytes are when they are no delimited text; else None."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if not start:
        return "is empty"
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "is an HTML page, not data: the publisher answered with an error or a login page"
    if head.startswith(b"PAR1"):
        return "is a Parquet file, which is not read"
    if start.startswith((b"<", b"{", b"[")):
        return "is XML or JSON, not delimited text"
    if head[:1] in (b"\x03", b"\x83") and b"\x00" in head[:32]:
        return "is a dBase table (dbf), which is not read yet; export it as CSV"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:64]:
        return "is UTF-16 or binary, not UTF-8 text: wrong encoding"
    return None


def encoding_of(candidates: tuple[str, ...], chunks: Iterable[bytes]) -> str:
    """Which of the encodings a text is in: UTF-8 where its first bytes beyond ASCII are it."""
    if len(candidates) == 1:
        return candidates[0]
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return next(name for name in candidates if name != "utf-8")
        if not chunk.isascii():
            break  # text of another encoding would hardly be UTF-8 by chance
    return "utf-8"


def _first_lines(contract: Contract, name: str, head: bytes, encoding: str) -> list[str]:
    line, newline, rest = head.partition(b"\n")
    if not newline and len(head) >= HEADER_BYTES:
        raise SourceRefused(
            f"{contract.dataset}: {name} has a header longer than {HEADER_BYTES} bytes."
        )
    try:
        header = line.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        raise SourceRefused(
            f"{contract.dataset}: {name} has a header that is not {encoding.upper()} at byte "
            f"{error.start + 1}: wrong encoding."
        ) from error
    second = rest.partition(b"\n")[0].decode(encoding, "replace")
    return [header.removesuffix("\r"), *([second.removesuffix("\r")] if second else [])]


def _fields(line: str, delimiter: str, quote: str) -> list[str]:
    reader = csv.reader(
        io.StringIO(line),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    try:
        return [field.strip() for field in next(reader, [])]
    except csv.Error:  # a field longer than the module's bound, a line end within
        return []


def compare_header(contract: Contract, name: str, header: list[str]) -> tuple[str, ...]:
    """Unknown columns of a header, in words; raises SchemaDrift where needed ones are missing."""
    known = contract.names_of(header)
    got = [known.get(field, field) for field in header]
    where, remedy = f"{contract.dataset}: {name}", f"{contract.dataset}.yml and raise its version."
    twice = sorted({field for field in got if got.count(field) > 1})
    if twice:
        raise SchemaDrift(f"{where} has the column {', '.join(twice)} more than once.")
    unknown = contract.unknown(header)
    missing = [c for c in contract.source_columns if c not in got and c not in contract.may_lack]
    if missing:
        instead = ", ".join(field[:60] for field in unknown[:10])
        hint = f"; it has instead: {instead}" if unknown else ""
        raise SchemaDrift(
            f"{where} misses the column {', '.join(missing)}{hint}. If the publisher renamed it, "
            f"change 'source' in {remedy}"
        )
    if unknown and contract.unknown_columns == "stop":
        raise SchemaDrift(
            f"{where} has the unknown column {', '.join(unknown)}. Describe it in {remedy}"
        )
    return tuple(f"unknown column {field[:60]}" for field in unknown[:100])


def _decimals(contract: Contract, names: list[str]) -> dict[str, Column]:
    """Columns that the CSV reader may cast at once, because nothing else is done to them."""
    read_as: dict[str, list[Column]] = {}
    for column in contract.columns:
        if column.source in names:
            read_as.setdefault(str(column.source), []).append(column)
    plain = {
        source: columns[0]
        for source, columns in read_as.items()
        if len(columns) == 1 and columns[0].type == "decimal" and _only_cast(columns[0])
    }
    first = next(iter(plain.values()), None)
    return {
        source: column
        for source, column in plain.items()
        if first and (column.nulls, column.decimal_mark) == (first.nulls, first.decimal_mark)
    }


def _only_cast(column: Column) -> bool:
    return not (column.values or column.lookup or column.extract or column.pattern) and column.trim


def _marks(mark: str, delimiter: str) -> tuple[str, ...]:
    if mark != "either":
        return (mark,)
    return (".", ",") if delimiter == "," else (",", ".")
