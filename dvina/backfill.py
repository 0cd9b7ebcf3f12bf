"""Backfill: ranges of periods of UN Comtrade, a slice at a time, only what is missing or changed.

A slice is one reporter and period; it is asked for, ingested with the scope of its query, and
noted under ``DVINA_HOME/fetching/<dataset>`` with the publisher's date of release. It is skipped
while that date stays the same and its load was not rejected. An interrupted backfill goes on where
it ended. Where the publisher tells no date a slice is asked for again; its load then changes
nothing when the rows are the same.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import SecretStr

from dvina import pipeline
from dvina.settings import Settings
from dvina.slices import Finish, IngestFile, SliceOutcome, Slices, one_ahead, one_behind
from ingest.contract import load_contract
from ingest.errors import ContractError
from ingest.fetching.areas import shipped_areas
from ingest.fetching.comtrade import Collected, Comtrade
from ingest.fetching.comtrade_api import BASE, Api
from ingest.fetching.comtrade_query import LEVELS, Query, apart
from ingest.fetching.errors import (
    AnswerRefused,
    KeyRefused,
    QueryWrong,
    QuotaExhausted,
)
from ingest.fetching.http import Manners, PoliteClient

KEY_VARIABLE, URL_VARIABLE = "DVINA_COMTRADE_KEY", "DVINA_COMTRADE_URL"
CONTACT_VARIABLE = "DVINA_CONTACT"  # an address of the operator, told to publishers
CONNECTION, KIND = "comtrade", "comtrade_json"
COMMODITIES = ("AG6",)  # subheadings: what the sectors are made of
MAX_PERIODS = 1200
FINAL = (QueryWrong, AnswerRefused, ContractError, KeyRefused, QuotaExhausted)
_YEAR, _MONTH = re.compile(r"(\d{4})"), re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


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

    def through_pipeline(collected: Collected) -> Finish:
        judged = pipeline.land_and_judge(
            settings, dataset, str(collected.path), collected.scope, within=collected.within,
            owned=True,
        )  # fmt: skip
        if isinstance(judged, pipeline.Outcome):
            return lambda: judged
        return lambda: pipeline.settle(settings, judged)

    outcomes = []
    with nullcontext(comtrade) if comtrade else open_comtrade(dataset) as source:
        slices = Slices(source, settings.home / "fetching" / dataset, force)
        land = partial(slices.land, ingest_file=ingest_file or through_pipeline)
        with closing(one_ahead(slices.fetch, queries)) as found:
            for outcome in one_behind(land, found):
                outcomes.append(outcome)
                if progress:
                    progress(outcome)
    return outcomes


def backfill_interval(dataset: str, begin: datetime | None, params: Mapping[str, Any]) -> list[str]:
    """The task of Airflow: the month or year that a run is for, or the periods that were named.

    Returns the names of accepted loads, and skips when there are none, so that no build starts.
    ``params`` are ``frequency`` (M or A), ``period`` (as ``months_or_years`` has it; it beats the
    run's own) and keywords of ``backfill``. Rejected data, a refused key and a wrong query fail
    without another attempt. The key may stand in the connection ``comtrade``, as its password.
    """
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    from dvina.settings import settings

    wanted = dict(params)
    named, frequency = wanted.pop("period", ""), wanted.pop("frequency")
    if not named and begin is None:
        raise AirflowFailException("Say which period: in the form, or as the run's partition key.")
    period = named or (f"{begin:%Y}" if frequency == "A" else f"{begin:%Y-%m}")
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
