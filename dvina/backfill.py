"""Backfill: ranges of periods of UN Comtrade, a slice at a time, only what is missing or changed.

A slice is one reporter and period; it is asked for, ingested with the scope of its query, and
noted under ``DVINA_HOME/fetching/<dataset>`` with the publisher's date of release. It is skipped
while that date stays the same and its load was not rejected. An interrupted backfill goes on where
it ended. Where the publisher tells no date a slice is asked for again; its load then changes
nothing when the rows are the same.
"""

import json
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from dvina import pipeline
from dvina.settings import Settings
from ingest.contract import load_contract
from ingest.errors import ContractError, StorageFailed
from ingest.fetching.areas import shipped_areas
from ingest.fetching.comtrade import Collected, Comtrade
from ingest.fetching.comtrade_api import BASE, Api
from ingest.fetching.comtrade_query import LEVELS, Query, apart
from ingest.fetching.errors import (
    AnswerRefused,
    FetchFailed,
    KeyRefused,
    QueryWrong,
    QuotaExhausted,
)
from ingest.fetching.http import Manners, PoliteClient
from ingest.landing import now

KEY_VARIABLE, URL_VARIABLE = "DVINA_COMTRADE_KEY", "DVINA_COMTRADE_URL"
CONTACT_VARIABLE = "DVINA_CONTACT"  # an address of the operator, told to publishers
CONNECTION, KIND = "comtrade", "comtrade_json"
COMMODITIES = ("AG6",)  # subheadings: what the sectors are made of
MAX_PERIODS = 1200
FINAL = (QueryWrong, AnswerRefused, ContractError, KeyRefused, QuotaExhausted)
_YEAR, _MONTH = re.compile(r"(\d{4})"), re.compile(r"(\d{4})-(0[1-9]|1[0-2])")

IngestFile = Callable[[Path, dict[str, list[str]]], pipeline.Outcome]


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


def backfill(
    settings: Settings,
    dataset: str,
    periods: str | Sequence[str],
    reporters: Sequence[str],
    *,
    partners: Sequence[str] = (),
    commodities: Sequence[str] = COMMODITIES,
    flows: Sequence[str] = (),
    force: bool = False,
    progress: Callable[[SliceOutcome], None] | None = None,
    ingest_file: IngestFile | None = None,
    comtrade: Comtrade | None = None,
) -> list[SliceOutcome]:
    """Fetch and ingest every slice that is missing or changed; ``force`` takes all.

    ``periods`` are as ``months_or_years`` has it; areas are ISO 3166-1 alpha-3 codes or numbers of
    the publisher; no partners, flows or commodities are all of them. ``progress`` is told each
    slice when it is done, so that what was done before an error is known. Raises QueryWrong before
    anything is asked, FetchFailed and its kinds, AnswerRefused, StorageFailed, and what the
    pipeline raises.
    """
    _check_dataset(dataset)
    areas = comtrade.areas if comtrade else shipped_areas()
    queries = [
        Query(
            reporters=(areas.number(reporter),),
            periods=(period,),
            partners=tuple(map(areas.number, partners)) or None,
            flows=tuple(flows) or None,
            commodities=group,
        )
        for reporter in dict.fromkeys(reporters)
        for period in months_or_years(periods)
        for group in apart(commodities or LEVELS)
    ]

    def through_pipeline(path: Path, scope: dict[str, list[str]]) -> pipeline.Outcome:
        return pipeline.ingest(settings, dataset, str(path), scope=scope, owned=True)

    outcomes = []
    with nullcontext(comtrade) if comtrade else open_comtrade(dataset) as source:
        slices = _Slices(source, settings.home / "fetching" / dataset, force)
        with closing(_one_ahead(slices.fetch, queries)) as found:
            for fetched in found:
                outcomes.append(slices.settle(fetched, ingest_file or through_pipeline))
                if progress:
                    progress(outcomes[-1])
    return outcomes


def backfill_interval(dataset: str, begin: datetime, params: Mapping[str, Any]) -> list[str]:
    """The task of Airflow: the month or year that an interval begins in.

    Returns the names of accepted loads, and skips when there are none, so that no build starts.
    ``params`` are ``frequency`` (M or A) and keywords of ``backfill``. Rejected data, a refused
    key and a wrong query fail without another attempt. The key may stand in the connection
    ``comtrade``, as its password.
    """
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    from dvina.settings import settings

    wanted = dict(params)
    period = f"{begin:%Y}" if wanted.pop("frequency") == "A" else f"{begin:%Y-%m}"
    try:
        with open_comtrade(dataset, _connection_key()) as source:
            outcomes = backfill(
                settings(), dataset, period, progress=print, comtrade=source, **wanted
            )
    except FINAL as error:
        raise AirflowFailException(str(error)) from error
    rejected = [outcome.message for outcome in outcomes if outcome.state == "rejected"]
    if rejected:
        raise AirflowFailException("\n".join(rejected))
    loads = [outcome.load_id for outcome in outcomes if outcome.state == "accepted"]
    if not loads:
        raise AirflowSkipException(f"{dataset}: nothing new for {period}")
    return loads


def months_or_years(periods: str | Sequence[str]) -> tuple[str, ...]:
    """The publisher's periods in ``2018:2022``, ``2020-01:2020-12``, ``2020`` or a list of them.

    Raises QueryWrong.
    """
    ranges = periods.split(",") if isinstance(periods, str) else periods
    found = dict.fromkeys(period for text in ranges for period in _range(text.strip()))
    if not 0 < len(found) <= MAX_PERIODS:
        raise QueryWrong(f"Give 1 to {MAX_PERIODS} periods, such as 2018:2022, not {periods!r}.")
    return tuple(found)


@contextmanager
def open_comtrade(
    dataset: str, key: SecretStr | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[Comtrade]:
    """UN Comtrade as the environment has it; without a key its preview."""
    manners = Manners(contact=environment.get(CONTACT_VARIABLE, ""))
    key = key or SecretStr(environment.get(KEY_VARIABLE, ""))
    with PoliteClient(dataset, manners) as client:
        base = environment.get(URL_VARIABLE) or BASE
        yield Comtrade(Api(client, key, base=base), shipped_areas())


@dataclass(frozen=True)
class _Fetched:
    """A slice that was asked for; without ``collected`` it stands as it is known."""

    query: Query
    released: str
    collected: Collected | None
    known: Note | None

    def drop(self) -> None:
        """Remove what was fetched and will not be ingested."""
        if self.collected is not None:
            self.collected.path.unlink(missing_ok=True)


def _one_ahead(
    fetch: Callable[[Query], _Fetched], queries: Sequence[Query]
) -> Generator[_Fetched, None, None]:
    """What was fetched, in order; the next slice is fetched while one is ingested."""
    with ThreadPoolExecutor(1, thread_name_prefix="dvina-fetch") as pool:
        ahead: Future[_Fetched] | None = None
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


class _Slices:
    """Brings slices one after the other and keeps a note of each."""

    def __init__(self, comtrade: Comtrade, folder: Path, force: bool) -> None:
        self._comtrade, self._folder, self._force = comtrade, folder, force
        self._releases: dict[tuple[str, str], dict[str, str]] = {}

    def fetch(self, query: Query) -> "_Fetched":
        """Ask for a slice, unless it was fetched since it was released."""
        released = self._released(query)  # asked before the rows: a release between is seen later
        known = None if self._force else _read_note(self._note(query))
        if known and released and known.released == released:
            return _Fetched(query, released, None, known)
        return _Fetched(query, released, self._comtrade.fetch(query, self._folder), known)

    def settle(self, fetched: "_Fetched", ingest_file: IngestFile) -> SliceOutcome:
        """Ingest what was fetched and take a note of it."""
        query, known = fetched.query, fetched.known
        if fetched.collected is None:
            assert known is not None
            told = f"released {fetched.released[:10]}, fetched {known.fetched_at[:10]} already"
            return self._outcome(query, "skipped", known.rows, known.load_id, told)
        outcome = self._ingest(query, fetched.collected, ingest_file)
        if outcome.state != "rejected":
            note = Note(outcome.state, outcome.rows, fetched.released, outcome.load_id, now())
            _write_note(self._note(query), note)
        return outcome

    def _note(self, query: Query) -> Path:
        return self._folder / f".{query.file_name(self._comtrade.areas)}"

    def _ingest(self, query: Query, collected: Collected, ingest_file: IngestFile) -> SliceOutcome:
        try:
            if not collected.rows:
                return self._outcome(query, "empty", 0, "", "the publisher has no rows")
            done = ingest_file(collected.path, collected.scope)
        finally:
            collected.path.unlink(missing_ok=True)
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


def _check_dataset(dataset: str) -> None:
    if KIND not in load_contract(dataset).format.kinds:
        raise QueryWrong(f"{dataset}: only datasets of UN Comtrade can be asked for by period.")


def _connection_key() -> SecretStr | None:
    """The password of Airflow's connection ``comtrade``, if there is one."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        password = Connection.get(CONNECTION).password
    except AirflowNotFoundException:
        return None
    return SecretStr(password) if password else None


def _range(text: str) -> Iterator[str]:
    first, _, last = text.partition(":")
    for pattern in (_YEAR, _MONTH):
        begin, end = pattern.fullmatch(first), pattern.fullmatch(last or first)
        if begin and end:
            break
    else:
        raise QueryWrong(
            f"{text!r} is no range of periods. Give years (2018:2022) or months (2020-01:2020-12)."
        )
    if pattern is _YEAR:
        yield from map(str, range(int(begin[1]), int(end[1]) + 1))
        return
    months = range(_month(begin), _month(end) + 1)
    yield from (f"{month // 12}{month % 12 + 1:02d}" for month in months)


def _month(found: re.Match[str]) -> int:
    return int(found[1]) * 12 + int(found[2]) - 1


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
