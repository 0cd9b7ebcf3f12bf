"""Brings a publisher's pages of JSON here, one after the other into one file, from link to link.

A page tells where the next one is: ``links.next`` (the pagination extension of OCDS), ``next_page``
with an address or path (ProZorro's offsets), ``next``, or a header ``Link``. What is here stays
when a run is cut, and the next run goes on behind the last whole page. Only the host that was asked
first is asked; a page without elements, or without a next one, is the last.
https://extensions.open-contracting.org/en/extensions/pagination/
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from ingest.errors import HostileInput, StorageFailed
from ingest.fetching.errors import AnswerRefused, FetchFailed
from ingest.fetching.http import PoliteClient, Request, shown, status_words

MAX_PAGE_BYTES = 32 * 1024**2
MAX_PAGES = 1_000_000
ELEMENTS = ("releases", "records", "data", "results", "items")
_FILE, _STATE = "pages.json", "state.json"

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class State:
    """How far a walk came: the next address (None at its end), pages and bytes that are here."""

    next: str | None
    pages: int
    bytes: int


@dataclass(frozen=True)
class _Page:
    body: bytes
    next: str | None
    is_empty: bool


def fetch_pages(
    client: PoliteClient,
    url: str,
    directory: Path,
    *,
    max_bytes: int,
    progress: Progress | None = None,
) -> Path:
    """The file of all pages from ``url`` on, a line end behind each.

    Raises FetchFailed (what is here is gone on with the next time), AnswerRefused where a page is
    no JSON, leads in a circle or elsewhere, HostileInput beyond the bounds, StorageFailed.
    """
    folder = directory / hashlib.sha256(f"pages {url}".encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _Walk(client, url, folder, max_bytes, progress).go()
    except OSError as error:
        raise StorageFailed(
            f"{client.dataset}: {shown(url)} cannot be written to {folder}: {error.strerror}. "
            "Make space or mend the permission, then run again."
        ) from error


class _Walk:
    """From page to page; state is written behind each."""

    def __init__(
        self, client: PoliteClient, url: str, folder: Path, most: int, progress: Progress | None
    ) -> None:
        self._client, self._url, self._most, self._progress = client, url, most, progress
        self._file, self._state = folder / _FILE, folder / _STATE
        self._seen = {url}

    def go(self) -> Path:
        state = self._known()
        with self._file.open("ab") as file:
            file.truncate(state.bytes)
            file.seek(state.bytes)
            while state.next:
                page = self._ask(state.next)
                file.write(page.body + b"\n")
                file.flush()
                os.fsync(file.fileno())
                state = self._after(state, page)
                self._write(state)
        self._state.unlink(missing_ok=True)
        return self._file

    def _after(self, state: State, page: _Page) -> State:
        following = None if page.is_empty else page.next
        if following in self._seen:
            raise AnswerRefused(
                f"{self._client.dataset}: page {state.pages + 1} of {shown(self._url)} leads back "
                f"to {shown(str(following))}: its pages go in a circle. Nothing was ingested."
            )
        size = state.bytes + len(page.body) + 1
        if size > self._most or state.pages + 1 >= MAX_PAGES:
            raise HostileInput(
                f"{self._client.dataset}: {shown(self._url)} has more than {self._most} bytes or "
                f"{MAX_PAGES} pages. Ask for less, or raise limits.max_file_bytes."
            )
        if following:
            self._seen.add(following)
        if self._progress:
            self._progress(size, None)
        return State(following, state.pages + 1, size)

    def _ask(self, url: str) -> _Page:
        def take(response: httpx.Response) -> _Page:
            if response.status_code != 200:
                raise FetchFailed(
                    f"{self._client.dataset}: {shown(url)} answers {status_words(response)}. What "
                    "came before is kept: run again to go on."
                )
            body = b"".join(self._client.body(response, MAX_PAGE_BYTES))
            return self._page(url, body, response)

        return self._client.ask(Request(url), take)

    def _page(self, url: str, body: bytes, response: httpx.Response) -> _Page:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise AnswerRefused(
                f"{self._client.dataset}: {shown(url)} is no JSON: {error}. Nothing was ingested."
            ) from error
        link = response.links.get("next", {}).get("url") or _next(document)
        return _Page(body.strip(), self._beside(url, link), _is_empty(document))

    def _beside(self, url: str, link: str | None) -> str | None:
        """The next address, which must be the same publisher's."""
        if not link:
            return None
        following = urljoin(url, link)
        here, there = urlsplit(self._url), urlsplit(following)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise AnswerRefused(
                f"{self._client.dataset}: {shown(url)} leads to another host, {shown(following)}, "
                "which is not asked. Begin there if it is the publisher's."
            )
        return following

    def _known(self) -> State:
        """Where an earlier walk was cut; the beginning where there is none, or it is damaged."""
        begin = State(self._url, 0, 0)
        try:
            state = State(**json.loads(self._state.read_text(encoding="utf-8")))
            whole = state.next is not None and self._file.stat().st_size >= state.bytes
        except (OSError, ValueError, TypeError):
            return begin
        return state if whole else begin

    def _write(self, state: State) -> None:
        aside = self._state.with_suffix(".new")
        aside.write_text(json.dumps(asdict(state)), encoding="utf-8")
        aside.replace(self._state)


def _next(document: Any) -> str | None:
    """Where the next page is, as the page itself tells."""
    if not isinstance(document, dict):
        return None
    for key in ("links", "next_page", "next"):
        told = document.get(key)
        if isinstance(told, dict):
            told = told.get("next") or told.get("uri") or told.get("path") or told.get("href")
            told = told.get("href") if isinstance(told, dict) else told
        if isinstance(told, str) and told:
            return told
    return None


def _is_empty(document: Any) -> bool:
    """True where the page holds no elements: some publishers repeat the last offset for ever."""
    if isinstance(document, list):
        return not document
    lists = [document[key] for key in ELEMENTS if isinstance(document.get(key), list)]
    return bool(lists) and not any(lists)
