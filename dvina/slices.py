"""The slices of a backfill on their way: fetched ahead, landed, committed behind.

While one slice is landed the next is fetched and the one before is committed, each by one thread,
so that slices stay in order. A note of each slice keeps the publisher's date of release.
"""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from dvina.pipeline import Outcome
from ingest.errors import StorageFailed
from ingest.fetching.comtrade import Collected, Comtrade
from ingest.fetching.comtrade_query import Query
from ingest.fetching.errors import AnswerRefused, FetchFailed, KeyRefused, QuotaExhausted
from ingest.landing import now

Finish = Callable[[], Outcome]
IngestFile = Callable[[Collected], Finish]  # lands what was fetched; what it gives commits it


@dataclass(frozen=True)
class SliceOutcome:
    """What became of one slice.

    ``state`` is skipped (not released anew), empty (the publisher has no rows), or the state of
    its load: accepted, rejected, unchanged, withdrawn. ``rows`` were fetched.
    """

    reporter: str
    period: str
    commodities: str
    state: str
    rows: int = 0
    load_id: str = ""
    message: str = ""


@dataclass(frozen=True)
class Note:
    """A slice as it was fetched the last time; it stands in a file of its own."""

    state: str
    rows: int
    released: str  # by the publisher's clock; empty when it did not tell
    load_id: str
    fetched_at: str


@dataclass(frozen=True)
class Fetched:
    """A slice that was asked for; without ``collected`` it stands as it is known."""

    query: Query
    released: str
    collected: Collected | None
    known: Note | None

    def drop(self) -> None:
        """Remove what was fetched and will not be ingested."""
        if self.collected is not None:
            self.collected.path.unlink(missing_ok=True)


def one_ahead(
    fetch: Callable[[Query], Fetched], queries: Sequence[Query]
) -> Generator[Fetched, None, None]:
    """What was fetched, in order; the next slice is fetched while one is ingested."""
    with ThreadPoolExecutor(1, thread_name_prefix="dvina-fetch") as pool:
        ahead: Future[Fetched] | None = None
        try:
            for query in queries:
                before, ahead = ahead, pool.submit(fetch, query)
                if before is not None:
                    yield before.result()
            if ahead is not None:
                last, ahead = ahead, None
                yield last.result()
        finally:
            if ahead is not None and not ahead.cancel() and ahead.exception() is None:
                ahead.result().drop()


def one_behind(
    land: Callable[[Fetched], Callable[[], SliceOutcome]], found: Iterable[Fetched]
) -> Iterator[SliceOutcome]:
    """What became of each slice, in order; one is committed while the next is read.

    When the next one fails the one before is told first.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="dvina-commit") as pool:
        behind: Future[SliceOutcome] | None = None
        try:
            for fetched in found:
                finish = land(fetched)
                before, behind = behind, None
                if before is not None:
                    yield before.result()
                behind = pool.submit(finish)
        except Exception:
            if behind is not None:
                yield behind.result()
            raise
        if behind is not None:
            yield behind.result()


class Slices:
    """Brings slices one after the other and keeps a note of each."""

    def __init__(self, comtrade: Comtrade, folder: Path, force: bool) -> None:
        self._comtrade, self._folder, self._force = comtrade, folder, force
        self._releases: dict[tuple[str, str], dict[str, str]] = {}

    def fetch(self, query: Query) -> Fetched:
        """Ask for a slice, unless it was fetched since it was released."""
        released = self._released(query)  # asked before the rows: a release between is seen later
        known = None if self._force else _read_note(self._note(query))
        if known and released and known.released == released:
            return Fetched(query, released, None, known)
        collected = self._comtrade.fetch(query, self._folder, read_later=True)
        return Fetched(query, released, collected, known)

    def land(self, fetched: Fetched, ingest_file: IngestFile) -> Callable[[], SliceOutcome]:
        """Land what was fetched; what it gives commits it and takes a note of it."""
        query, known, collected = fetched.query, fetched.known, fetched.collected
        if collected is None:
            assert known is not None
            told = f"released {fetched.released[:10]}, fetched {known.fetched_at[:10]} already"
            return lambda: self._outcome(query, "skipped", known.rows, known.load_id, told)
        try:
            finish = ingest_file(collected) if collected.rows else None
        finally:
            collected.path.unlink(missing_ok=True)

        def settle() -> SliceOutcome:
            outcome = self._settled(query, collected, finish)
            if outcome.state != "rejected":
                note = Note(outcome.state, outcome.rows, fetched.released, outcome.load_id, now())
                _write_note(self._note(query), note)
            return outcome

        return settle

    def _note(self, query: Query) -> Path:
        return self._folder / f".{query.file_name(self._comtrade.areas)}"

    def _settled(self, query: Query, collected: Collected, finish: Finish | None) -> SliceOutcome:
        if finish is None:
            return self._outcome(query, "empty", 0, "", "the publisher has no rows")
        done = finish()
        message = "; ".join((done.message, *collected.notes))
        return self._outcome(query, done.state, collected.rows, done.load_id, message)

    def _released(self, query: Query) -> str:
        """When the slice was released last; empty when the publisher does not tell."""
        reporter, period = query.reporters[0], query.periods[0]
        kind = (reporter, query.path)
        if kind not in self._releases:
            try:
                told = self._comtrade.releases(reporter, query, self._folder)
            except (KeyRefused, QuotaExhausted):
                raise
            except (FetchFailed, AnswerRefused):
                told = {}
            self._releases[kind] = told
        return self._releases[kind].get(period, "")

    def _outcome(
        self, query: Query, state: str, rows: int, load_id: str, message: str
    ) -> SliceOutcome:
        area, period = self._comtrade.areas.code(query.reporters[0]), query.periods[0]
        shown = period if len(period) == 4 else f"{period[:4]}-{period[4:]}"
        commodities = ",".join(query.commodities or ("all",))
        return SliceOutcome(area, shown, commodities, state, rows, load_id, message)


def _read_note(path: Path) -> Note | None:
    try:
        return Note(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_note(path: Path, note: Note) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps(asdict(note)), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise StorageFailed(
            f"{path.name} cannot be written to {path.parent}: {error.strerror}. "
            "Make space or mend the permission, then run again."
        ) from error
