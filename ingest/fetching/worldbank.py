"""The World Bank's API for International Debt Statistics: a query becomes one file of whole pages.

No page is trusted alone: all must tell the same total, number of pages and date of update, hold no
item twice and as many as they tell, and the first one, asked for again in the end, must still hold
what it held. Otherwise all is read again, and given up after a few rounds. One page at a time is
held. https://datahelpdesk.worldbank.org/knowledgebase/articles/1886701-advanced-data-api-queries
"""

import csv
import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import SourceRefused, StorageFailed
from ingest.fetching.errors import FetchFailed, PagesShifted, QueryWrong
from ingest.fetching.http import PoliteClient, Request, shown
from ingest.landing import EXACTLY
from ingest.sources.ids_json import Page, item_keys, read_page

BASE = "https://api.worldbank.org"
SOURCE = "v2/sources/6"  # International Debt Statistics
PER_PAGE, ROUNDS = 10_000, 3
MAX_PAGE_BYTES, MAX_URL = 64 * 1024**2, 2000
CREDITORS = Path(__file__).parent / "ids_creditors.csv"
# What is lent, drawn and paid, by kind of creditor; BLTC and MLTC would be parts of these.
SERIES = tuple(
    f"DT.{what}.{whom}.CD"
    for what in ("DOD", "COM", "DIS", "AMT", "INT")
    for whom in ("BLAT", "MLAT", "PCBK", "PBND", "PROP")
)
Progress = Callable[[int], None]  # items that are here
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")  # JSON has none inside strings


@dataclass(frozen=True)
class DebtQuery:
    """What is asked for, by our codes; None stands for all. Raises QueryWrong."""

    borrowers: tuple[str, ...]
    series: tuple[str, ...] = SERIES
    lenders: tuple[str, ...] | None = None
    years: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for shape, values in (
            (r"[A-Z]{3}", self.borrowers),
            (r"[A-Z0-9]+(\.[A-Z0-9]+)+", self.series),
            (r"(19|20)\d\d", self.years or ()),
        ):
            for value in values:
                if not re.fullmatch(shape, value):
                    raise QueryWrong(f"International Debt Statistics: {value!r} cannot be asked.")

    def url(self, base: str, page: int, per_page: int) -> str:
        """The address of one page."""
        lenders = ";".join(map(creditor_number, self.lenders)) if self.lenders else "all"
        years = ";".join(f"YR{year}" for year in self.years) if self.years else "all"
        path = (
            f"country/{';'.join(self.borrowers)}/series/{';'.join(self.series)}"
            f"/counterpart-area/{lenders}/time/{years}"
        )
        url = f"{base}/{SOURCE}/{path}?format=json&per_page={per_page}&page={page}"
        if len(url) > MAX_URL:
            raise QueryWrong(
                "International Debt Statistics: the address would be too long. Name fewer series, "
                "lenders or years."
            )
        return url

    def scope(self) -> dict[str, list[str]]:
        """What the answer is cut to, so that only this is superseded."""
        cut = {"period": self.years or (), "series_code": self.series}
        return {
            name: [f"{EXACTLY}{value}" for value in values] or [""] for name, values in cut.items()
        }

    def file_name(self) -> str:
        """The same for the same query."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:12]
        return f"ids_{'-'.join(self.borrowers)[:40]}_{digest}.json"


@dataclass(frozen=True)
class Pages:
    """A query's pages on disk."""

    path: Path
    items: int
    scope: dict[str, list[str]]


class _Shifted(Exception):
    """Raised within a round when the publisher's data changed while it was read."""


class DebtStatistics:
    """Fetches queries whole; ``base`` may be a mirror."""

    def __init__(self, client: PoliteClient, *, base: str = BASE, per_page: int = PER_PAGE) -> None:
        self._client, self._base, self._per_page = client, base.rstrip("/"), per_page
        self._who = f"{client.dataset}: {httpx.URL(self._base).host}"

    def fetch(self, query: DebtQuery, directory: Path, progress: Progress | None = None) -> Pages:
        """Bring a query's pages into one file of ``directory``, a page a line.

        Raises QueryWrong, SourceRefused, HostileInput, FetchFailed, PagesShifted, StorageFailed.
        """
        aside = directory / f".{uuid.uuid4().hex}.pages"
        why = ""
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for _ in range(ROUNDS):
                aside.write_bytes(b"")
                aside.chmod(0o600)
                try:
                    items = self._round(query, aside, progress or (lambda _: None))
                except _Shifted as shift:
                    why = str(shift)
                    continue
                return Pages(aside.replace(directory / query.file_name()), items, query.scope())
        except OSError as error:
            raise StorageFailed(
                f"{self._client.dataset}: {directory} cannot be written: {error.strerror}. "
                "Make space or mend the permission, then run again."
            ) from error
        finally:
            with suppress(OSError):
                aside.unlink()
        raise PagesShifted(
            f"{self._who} gave no pages that hold together in {ROUNDS} rounds: {why}. Run again "
            "when its update is done, or ask for less at a time."
        )

    def _round(self, query: DebtQuery, out: Path, progress: Progress) -> int:
        """Read all pages once; raises _Shifted where they do not hold together."""
        first = self._page(query, 1)
        seen = [item_keys(first.text)]
        _append(out, first)
        items = first.items
        for number in range(2, first.pages + 1):
            page = self._page(query, number)
            for what in ("pages", "total", "last_updated"):
                if getattr(page, what) != getattr(first, what):
                    raise _Shifted(f"page {number} tells another {what} than page 1")
            seen.append(item_keys(page.text))
            _append(out, page)
            items += page.items
            progress(items)
        if items != first.total:
            raise _Shifted(f"the pages hold {items} items, the publisher counts {first.total}")
        every = pa.chunked_array(seen)
        if len(pc.unique(every)) != len(every):
            raise _Shifted("an item stands in two pages")
        if first.pages > 1 and not item_keys(self._page(query, 1).text).equals(seen[0]):
            raise _Shifted("page 1, asked for again, holds other items")
        return items

    def _page(self, query: DebtQuery, number: int) -> Page:
        url = query.url(self._base, number, self._per_page)
        page = self._client.ask(Request(url), self._take)
        if page.number != number:
            raise SourceRefused(f"{self._who} gave page {page.number} when asked for {number}.")
        return page

    def _take(self, response: httpx.Response) -> Page:
        if response.status_code != 200:
            raise FetchFailed(
                f"{self._who} answered {response.status_code} to {shown(str(response.url))} "
                f"({self._client.words(response)[:300]}). Check the codes that were asked for."
            )
        return read_page(b"".join(self._client.body(response, MAX_PAGE_BYTES)), self._who)


def creditor_number(lender: str) -> str:
    """The publisher's number of a creditor by our code; raises QueryWrong."""
    numbers = _creditors()
    if lender.isdecimal():
        return lender.zfill(3)
    if lender.upper() not in numbers:
        raise QueryWrong(
            f"International Debt Statistics: {lender!r} is no creditor of ids_creditors.csv. Give "
            "an ISO 3166-1 alpha-3 code such as RUS, WB-IBRD, or the publisher's number."
        )
    return numbers[lender.upper()]


@cache
def _creditors() -> Mapping[str, str]:
    with CREDITORS.open(encoding="utf-8", newline="") as lines:
        return {entry["lender_code"]: entry["number"] for entry in csv.DictReader(lines)}


def _append(out: Path, page: Page) -> None:
    with out.open("ab") as file:
        file.write(page.text.strip().translate(_LINE_ENDS) + b"\n")
