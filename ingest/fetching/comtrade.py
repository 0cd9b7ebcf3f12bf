"""UN Comtrade: a query becomes one file of whole answers, one after the other.

An answer that reaches the publisher's limit of rows is never trusted: the query is split until
every part stays below it. What was read in several calls is proven afterwards: the parts must hold
as many rows as the publisher counts for the whole, and a part must still be what it was; otherwise
all is read again, and given up after a few rounds. One answer at a time is held.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import StorageFailed
from ingest.fetching.areas import Areas
from ingest.fetching.comtrade_answer import Answer, fingerprint
from ingest.fetching.comtrade_api import GET_A_KEY, LIMIT_WITH_KEY, AddressTooLong, Api
from ingest.fetching.comtrade_query import Lists, Query, halves, shorter
from ingest.fetching.errors import AnswerRefused, PagesShifted, QueryWrong

ROUNDS = 3
Progress = Callable[[int], None]  # rows that are here


@dataclass(frozen=True)
class Collected:
    """A query's rows on disk; ``scope`` as Query.scope gives it, ``notes`` for people.

    ``within`` (as Query.within gives it) is what the file's reader has to hold its rows against:
    they were not looked at here. It is empty where they were.
    """

    path: Path
    rows: int
    parts: int
    scope: dict[str, list[str]]
    notes: tuple[str, ...] = ()
    within: dict[str, list[str]] = field(default_factory=dict)


class _Shifted(Exception):
    """Raised within a round when the publisher's data changed while it was read."""


class Comtrade:
    """Fetches queries whole; ``lists`` is what to split by where a query asks for all."""

    def __init__(
        self, api: Api, areas: Areas, lists: Lists | None = None, rounds: int = ROUNDS
    ) -> None:
        self.areas = areas
        self._api, self._rounds = api, rounds
        self._lists = lists or Lists(partners=areas.numbers)

    def fetch(
        self,
        query: Query,
        directory: Path,
        progress: Progress | None = None,
        *,
        read_later: bool = False,
    ) -> Collected:
        """Bring a query's rows into one file of ``directory``; no rows are an answer, too.

        ``read_later`` says that a reader of ours will read the file, count its records and hold
        them against ``within``: then rows that came in one answer are not parsed here, too.

        Raises QueryWrong, AnswerRefused, HostileInput, FetchFailed and its kinds, StorageFailed.
        """
        name, scope = query.file_name(self.areas), query.scope(self.areas)
        why = ""
        for _ in range(self._rounds):
            with _scratch(self._api.dataset, directory) as (out, body):
                reading = _Reading(self._api, self._lists, query, body, progress, read_later)
                try:
                    reading.write(out)
                    reading.prove()
                except _Shifted as shift:
                    why = str(shift)
                    continue
                path = out.replace(directory / name)
                within = {} if reading.looked else query.within(self.areas)
                return Collected(path, reading.rows, reading.parts, scope, reading.notes, within)
        raise PagesShifted(
            f"{self._api.who} gave no rows that hold together in {self._rounds} rounds of {name}: "
            f"{why}. Run again when its release is done, or ask for less at a time."
        )

    def releases(self, reporter: str, query: Query, directory: Path) -> dict[str, str]:
        """When each period of a reporter was last released; see Api.releases."""
        with _scratch(self._api.dataset, directory) as (_, body):
            return self._api.releases(reporter, query, body)


class _Reading:
    """One round of reading a query."""

    def __init__(
        self,
        api: Api,
        lists: Lists,
        query: Query,
        body: Path,
        progress: Progress | None,
        read_later: bool,
    ) -> None:
        self._api, self._lists, self._query, self._body = api, lists, query, body
        self._progress = progress or (lambda _rows: None)
        self._read_later = read_later
        self.looked = True  # at the rows of all parts
        self._witness: tuple[Query, str] | None = None  # a part, and what it held
        self.rows, self.parts = 0, 0
        self.notes: tuple[str, ...] = ()

    def write(self, out: Path) -> None:
        """Write the answers of all parts, in the order of the query."""
        waiting = [self._query]
        while waiting:
            part = waiting.pop()
            smaller = self._take(part, out)
            waiting.extend(reversed(smaller))

    def prove(self) -> None:
        """Raise _Shifted unless what was read in several calls still holds."""
        if self.parts < 2:
            return
        counts = list(self._counts(self._query))
        capped = any(count in (self._api.limit, self._api.limit + 1) for count in counts)
        if sum(counts) != self.rows and not capped:
            raise _Shifted(f"the parts hold {self.rows} rows, its own count is {sum(counts)}")
        if sum(counts) != self.rows:
            self.notes = ("the publisher counts only to its limit: completeness is not proven",)
        if self._witness:
            part, held = self._witness
            self._api.answer(part, self._body)
            if fingerprint(self._body, self._api.who) != held:
                raise _Shifted("a part that was asked for again held other rows")

    def _take(self, part: Query, out: Path) -> tuple[Query, ...]:
        """Bring a part, or say into which smaller ones it is to be split."""
        if not self._api.fits(part):
            return self._shorter(part)
        try:
            answer = self._api.answer(part, self._body)
        except AddressTooLong:
            return self._shorter(part)
        if answer.count >= self._api.limit:
            return self._smaller(part, answer.count)
        # No rows are never read later, and parts are put together only when they are right.
        self.looked = not (self._read_later and answer.count and part == self._query)
        if self.looked:
            self._check(answer, part)
        if part == self._query:  # it came in one answer, so there is nothing to put together
            self._body.replace(out)
        else:
            answer.append_to(out)
        if answer.count and not self._witness and part != self._query:
            self._witness = (part, fingerprint(self._body, self._api.who))
        self.rows += answer.count
        self.parts += 1
        self._progress(self.rows)
        return ()

    def _check(self, answer: Answer, part: Query) -> None:
        if answer.count != len(answer.rows):
            raise AnswerRefused(
                f"{self._api.who} says that it sent {answer.count} rows, but sent "
                f"{len(answer.rows)}. Run again; tell the publisher if it stays so."
            )
        stray = answer.stray(part)
        if stray:  # parts ask for different values, so such a row would be counted twice
            raise _Shifted(stray)

    def _smaller(self, part: Query, count: int) -> tuple[Query, ...]:
        split = halves(part, self._lists)
        if split:
            return split
        hint = "" if self._api.limit >= LIMIT_WITH_KEY else f" {GET_A_KEY}"
        raise QueryWrong(
            f"{self._api.who} has {count} rows or more for {' '.join(part.periods)}, more than the "
            f"{self._api.limit} that it gives in one call, and the query cannot be split any more. "
            f"Name the commodities or partners.{hint}"
        )

    def _shorter(self, part: Query) -> tuple[Query, ...]:
        split = shorter(part)
        if not split:
            raise QueryWrong(f"{self._api.who} cannot be asked: the address is too long.")
        return split

    def _counts(self, query: Query) -> Iterator[int]:
        """The publisher's own counts, which add up to the query's."""
        if self._api.fits(query):
            try:
                yield self._api.count(query, self._body)
                return
            except AddressTooLong:
                pass
        for part in self._shorter(query):
            yield from self._counts(part)


@contextmanager
def _scratch(dataset: str, directory: Path) -> Iterator[tuple[Path, Path]]:
    """Two private files to write aside; what is left of them goes in the end."""
    aside = [directory / f".{uuid.uuid4().hex}.{name}" for name in ("rows", "answer")]
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in aside:
            path.touch(0o600)
        yield aside[0], aside[1]
    except OSError as error:
        raise StorageFailed(
            f"{dataset}: {directory} cannot be written: {error.strerror}. "
            "Make space or mend the permission, then run again."
        ) from error
    finally:
        for path in aside:
            with suppress(OSError):
                path.unlink()
