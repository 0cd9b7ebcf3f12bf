"""Reads pages of the World Bank's API for International Debt Statistics (source 6).

A page is ``{"page":1,"pages":2,"total":9,"lastupdated":"2024-12-03","source":{"data":[...]}}``,
an item ``{"variable":[{"concept":"Time","id":"YR1994","value":"1994"},...],"value":3.5}`` with its
concepts in any order. Pages stand one after the other, each from a line's beginning to a line's
end. An item without a value is no record, as an empty cell of the bulk file is none. Items are
counted in the bytes and held against the pages' own ``total``; an answer that is an error, or
lacks a page, is refused.

https://datahelpdesk.worldbank.org/knowledgebase/articles/1886701-advanced-data-api-queries
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from ingest.containers import open_bytes
from ingest.contract import Contract, Limits
from ingest.errors import HostileInput, SourceRefused
from ingest.sources import Kind, Part, RawBatch

MAX_PAGE_BYTES = 64 * 1024**2
CHUNK = 1024**2
CONCEPTS = {  # our column -> the concept, and what of it: creditors' numbers say less than names
    "country": ("Country", "id"),
    "counterpart_area": ("Counterpart-Area", "value"),
    "series_code": ("Series", "id"),
    "year": ("Time", "id"),
}
_NUMBER = pa.decimal256(58, 18)  # a number that it refuses is taken as text
_ITEM = re.compile(rb'"variable"\s*:\s*\[')
_NO_VALUE = re.compile(rb'\]\s*,\s*"value"\s*:\s*null|"value"\s*:\s*null\s*,\s*"variable"\s*:')
_ESCAPED, _STRING = re.compile(rb"\\."), re.compile(rb'"[^"]*"')
_MESSAGE = re.compile(rb'"value"\s*:\s*"([^"]{1,300})"|<wb:message[^>]*>([^<]{1,300})')


@dataclass(frozen=True)
class Page:
    """One page's envelope, and how many of its items hold a value."""

    text: bytes
    number: int
    pages: int
    total: int
    items: int
    records: int
    last_updated: str

    @property
    def last_actual_year(self) -> str | None:
        """Editions come out from October on, with figures of the year before."""
        found = re.match(r"([0-9]{4})-([0-9]{2})", self.last_updated)
        return str(int(found[1]) - (1 if int(found[2]) >= 10 else 2)) if found else None


class IdsPages:
    """One file of pages; see the module docstring. Raises SourceRefused and HostileInput."""

    def __init__(self, contract: Contract, path: Path, name: str) -> None:
        self._contract = contract
        self._path = path
        self._name = name
        self._where = f"{contract.dataset}: {name}"
        self._records = 0
        self._next = self._expected = self._items = 0

    @property
    def drift(self) -> tuple[str, ...]:
        """Nothing: concepts that are not known are left out, those that lack are told."""
        return ()

    def parts(self) -> Iterator[Part]:
        """One part a page."""
        for text in self._documents():
            page = read_page(text, self._where)
            self._follow(page)
            if page.records:
                yield partial(self._parse, page, self._records)
            self._records += page.records

    def records_read(self) -> int:
        """Items that hold a value, counted in the bytes."""
        if self._next:
            raise SourceRefused(
                f"{self._where} ends after page {self._next - 1} of {self._expected}: fetch the "
                "others, too, and put them into one file in their order."
            )
        return self._records

    def _follow(self, page: Page) -> None:
        """Pages of a query come in order and hold as many items as they say."""
        if page.number != (self._next or 1):
            raise SourceRefused(
                f"{self._where} holds page {page.number} where page {self._next or 1} is expected."
            )
        self._items = page.items + (self._items if page.number > 1 else 0)
        last = page.number >= page.pages
        if last and self._items != page.total:
            raise SourceRefused(
                f"{self._where} holds {self._items} items where its last page says "
                f"{page.total}: pages shifted or were cut. Fetch them again."
            )
        self._next, self._expected = (0, 0) if last else (page.number + 1, page.pages)

    def _documents(self) -> Iterator[bytes]:
        """Whole pages: from a line that begins with a brace to the end of a line that closes it."""
        held = bytearray()
        limits = self._contract.limits
        with open_bytes(self._path, limits, self._where) as stream:
            for line in _lines(stream):
                held += line
                if len(held) > MAX_PAGE_BYTES:
                    raise HostileInput(
                        f"{self._where} holds a page of more than {MAX_PAGE_BYTES} bytes. Ask for "
                        "fewer items a page (per_page)."
                    )
                if line.rstrip().endswith((b"}", b"]")) and _closed(bytes(held)):
                    yield bytes(held)
                    held.clear()
        if held.lstrip().startswith(b"<"):
            read_page(bytes(held), self._where)  # an error, told in XML
        if held.strip():
            raise SourceRefused(f"{self._where} was cut in transfer: a page is not whole.")

    def _parse(self, page: Page, given: int) -> RawBatch:
        variables, values = self._items_of(page)
        held = pc.is_valid(values)
        columns = {name: _told(variables, *of, len(values)) for name, of in CONCEPTS.items()}
        told = pa.array([page.last_actual_year] * len(values), pa.string())
        columns |= {"last_actual_year": told.dictionary_encode(), "value": values}
        batch = pa.RecordBatch.from_pydict(columns).filter(held)
        if batch.num_rows != page.records:
            raise SourceRefused(
                f"{self._where}, page {page.number}: {batch.num_rows} values were read where "
                f"{page.records} were counted."
            )
        numbers = pa.array(np.arange(1, batch.num_rows + 1, dtype=np.int64) + given)
        return RawBatch(batch, numbers, name=self._name, whole=partial(_whole, batch))

    def _items_of(self, page: Page) -> tuple[pa.ListArray, pa.Array]:
        """Variables of the items of a page, and their values as text."""
        try:
            items = _read(page.text, _NUMBER)
        except pa.ArrowInvalid:
            try:
                items = _by_value(page.text)
            except (ValueError, TypeError, KeyError, pa.ArrowException) as error:
                raise SourceRefused(
                    f"{self._where}, page {page.number} is not as the publisher documents: {error}."
                ) from error
        return pc.struct_field(items, "variable"), pc.struct_field(items, "value").cast(pa.string())


def read_page(text: bytes, where: str) -> Page:
    """The envelope of a page; raises SourceRefused where it is an error or something else."""
    try:
        envelope = json.loads(_without_items(text))
        number, pages, total = (int(envelope[key]) for key in ("page", "pages", "total"))
        updated = str(envelope.get("lastupdated") or "")
        envelope["source"]["data"]  # an error is an answer without them
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        told = _MESSAGE.search(text[:4096])
        words = (told[1] or told[2] if told else text[:120]).decode("utf-8", "replace").strip()
        raise SourceRefused(
            f"{where} is no page of International Debt Statistics; it says {words!r}. Check the "
            "codes of country, series and counterpart area."
        ) from error
    items = len(_ITEM.findall(text))
    records = items - len(_NO_VALUE.findall(text))
    return Page(text, number, pages, total, items, records, updated)


def item_keys(text: bytes) -> pa.StringArray:
    """Each item's concepts in one text, equal where they are; raises SourceRefused."""
    try:
        variables = pc.struct_field(_read(text, pa.float64()), "variable")
    except pa.ArrowInvalid as error:
        raise SourceRefused(f"a page is not as the publisher documents: {error}") from error
    told = [_told(variables, *of, len(variables)).cast(pa.string()) for of in CONCEPTS.values()]
    return pc.binary_join_element_wise(*told, "\x1f", null_handling="replace")


def _without_items(text: bytes) -> bytes:
    """A page with an empty list of items."""
    begin = text.index(b"[", text.index(b'"data"'))
    return text[: begin + 1] + text[text.rindex(b"]") :] if begin else text


def _item(number: pa.DataType) -> pa.DataType:
    concept = pa.struct([("concept", pa.string()), ("id", pa.string()), ("value", pa.string())])
    return pa.struct([("variable", pa.list_(concept)), ("value", number)])


def _by_value(text: bytes) -> pa.StructArray:
    """The items with each value as it is written, for a page that pyarrow refuses."""
    document = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    return pa.array(document["source"]["data"], _item(pa.string()))


def _read(text: bytes, number: pa.DataType) -> pa.StructArray:
    source = pa.struct([("data", pa.list_(_item(number)))])
    table = pajson.read_json(
        pa.BufferReader(text),
        read_options=pajson.ReadOptions(use_threads=False, block_size=len(text) + 16),
        parse_options=pajson.ParseOptions(
            explicit_schema=pa.schema([("source", source)]),
            newlines_in_values=True,
            unexpected_field_behavior="ignore",
        ),
    )
    data = pc.struct_field(table["source"].combine_chunks(), "data")
    return data.flatten()


def _told(variables: pa.ListArray, concept: str, field: str, count: int) -> pa.Array:
    """What each item tells of one concept; null where it has none."""
    every = variables.flatten()
    owners = pc.list_parent_indices(variables)
    mine = pc.equal(pc.struct_field(every, "concept"), concept)
    texts = pc.struct_field(every, field).filter(mine)
    at = np.asarray(owners.filter(mine))
    place = np.full(count, -1, dtype=np.int64)
    place[at] = np.arange(len(at))
    return texts.take(pa.array(place, mask=place < 0)).dictionary_encode()


def _whole(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {name: batch.column(name).cast(pa.string()) for name in batch.schema.names}
    )


def _closed(text: bytes) -> bool:
    """True where every bracket outside strings is closed."""
    bare = _STRING.sub(b"", _ESCAPED.sub(b"", text))
    return bare.count(b"{") == bare.count(b"}") and bare.count(b"[") == bare.count(b"]")


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line + b"\n" for line in lines)
        if len(rest) > MAX_PAGE_BYTES:
            break  # told by the caller
    if rest:
        yield rest


def _is_pages(path: Path) -> bool:
    try:
        with open_bytes(path, Limits()) as stream:
            head = stream.read(4096)
    except SourceRefused:
        return False  # the reader that takes it for something else will say so by its name
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith((b"{", b"[", b"<?xml", b"<wb:"))  # errors come as XML, too


IDS_JSON = Kind(_is_pages, IdsPages)
