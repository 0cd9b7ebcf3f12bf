"""Backfill of UN Comtrade against a publisher on loopback, with and without the real pipeline."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pydantic import SecretStr

from dvina import backfill as module
from dvina.backfill import (
    backfill,
    backfill_interval,
    months_or_years,
    open_comtrade,
)
from dvina.pipeline import Outcome
from dvina.settings import Settings
from dvina.slices import SliceOutcome
from ingest.contract import load_contract
from ingest.fetching.areas import shipped_areas
from ingest.fetching.comtrade import Collected, Comtrade
from ingest.fetching.comtrade_api import Api
from ingest.fetching.errors import FetchFailed, QueryWrong, QuotaExhausted
from ingest.fetching.http import PoliteClient
from tests.ingest.fetching.publisher import (
    KEY,
    QUICK,
    Asked,
    FakeClock,
    FakeComtrade,
    Play,
    Publisher,
    Said,
    envelope,
    publishing,
    refused,
    row,
)
from warehouse.database import open_warehouse

DATASET = "customs_comtrade_flows"
RELEASED = {(643, "2020"): "2021-06-01T10:00:00", (643, "2021"): "2022-06-01T10:00:00"}
ROWS = [
    row(period=period, cmdCode=code, partnerCode=partner, primaryValue=1000.5)
    for period in ("2020", "2021")
    for code in ("870323", "870324")
    for partner in (112, 0)
]


@contextmanager
def comtrade(play: Play) -> Iterator[tuple[Comtrade, Publisher]]:
    with (
        publishing(play) as publisher,
        PoliteClient(DATASET, QUICK, FakeClock().clock) as client,
    ):
        yield Comtrade(Api(client, SecretStr(KEY), base=publisher.url), shipped_areas()), publisher


class Ingested:
    """What a backfill hands on, in the place of the pipeline."""

    def __init__(self, state: str = "accepted") -> None:
        self.state = state
        self.files: list[tuple[str, dict[str, list[str]]]] = []

    def __call__(self, collected: Collected) -> Callable[[], Outcome]:
        path = collected.path
        assert path.stat().st_size > 100
        self.files.append((path.name, collected.scope))
        load = f"load{len(self.files)}"
        return lambda: Outcome(DATASET, path.name, self.state, load, 1, 1, 0, 0, "told")


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)  # type: ignore[call-arg]


def test_each_slice_is_fetched_and_handed_on_with_its_scope(settings: Settings) -> None:
    ingested, told = Ingested(), list[SliceOutcome]()
    with comtrade(FakeComtrade(ROWS, releases=RELEASED)) as (source, _):
        outcomes = backfill(
            settings, DATASET, "2020:2021", ["RUS"], partners=["BLR"], commodities=["870323"],
            ingest_file=ingested, comtrade=source, progress=told.append,
        )  # fmt: skip
    scope = {"commodity_code": ["=870323"], "partner_code": ["=BLR"]}
    assert ingested.files == [
        ("comtrade_C_A_HS_RUS_2020_all_BLR_870323.json", scope),
        ("comtrade_C_A_HS_RUS_2021_all_BLR_870323.json", scope),
    ]
    assert outcomes == told
    assert [(one.reporter, one.period, one.state, one.rows) for one in outcomes] == [
        ("RUS", "2020", "accepted", 1), ("RUS", "2021", "accepted", 1),
    ]  # fmt: skip
    assert not list(settings.home.rglob("comtrade_*"))


def test_what_was_not_released_anew_is_skipped(settings: Settings) -> None:
    fake, ingested = FakeComtrade(ROWS, releases=RELEASED), Ingested()
    with comtrade(fake) as (source, publisher):
        for _ in range(2):
            outcomes = backfill(
                settings, DATASET, "2020:2021", ["RUS"], ingest_file=ingested, comtrade=source
            )
        assert [asked.path.split("/")[3] for asked in publisher.asked] == [
            "getDa", "get", "get", "getDa",
        ]  # fmt: skip
        assert [one.state for one in outcomes] == ["skipped", "skipped"]
        assert outcomes[0].rows == 4
        assert "released 2021-06-01" in outcomes[0].message
        fake.releases = {**RELEASED, (643, "2021"): "2023-01-01T00:00:00"}
        outcomes = backfill(
            settings, DATASET, "2020:2021", ["RUS"], ingest_file=ingested, comtrade=source
        )
    assert [one.state for one in outcomes] == ["skipped", "accepted"]


def test_another_query_for_the_same_slice_is_not_skipped(settings: Settings) -> None:
    ingested = Ingested()
    with comtrade(FakeComtrade(ROWS, releases=RELEASED)) as (source, _):
        for partner in ("BLR", "WLD"):
            backfill(
                settings, DATASET, "2020", ["RUS"], partners=[partner],
                ingest_file=ingested, comtrade=source,
            )  # fmt: skip
    assert len(ingested.files) == 2


def test_force_fetches_all(settings: Settings) -> None:
    ingested = Ingested()
    with comtrade(FakeComtrade(ROWS, releases=RELEASED)) as (source, _):
        for _ in range(2):
            backfill(
                settings, DATASET, "2020", ["RUS"], force=True,
                ingest_file=ingested, comtrade=source,
            )  # fmt: skip
    assert len(ingested.files) == 2


def test_a_rejected_slice_is_asked_for_again(settings: Settings) -> None:
    ingested = Ingested("rejected")
    with comtrade(FakeComtrade(ROWS, releases=RELEASED)) as (source, _):
        for _ in range(2):
            backfill(settings, DATASET, "2020", ["RUS"], ingest_file=ingested, comtrade=source)
    assert len(ingested.files) == 2


def test_without_dates_of_release_a_slice_is_asked_for_again(settings: Settings) -> None:
    fake, ingested = FakeComtrade(ROWS), Ingested()

    def play(asked: Asked) -> Said:
        return Said(404) if "getDa" in asked.path else fake(asked)

    with comtrade(play) as (source, _):
        for _ in range(2):
            backfill(settings, DATASET, "2020", ["RUS"], ingest_file=ingested, comtrade=source)
    assert len(ingested.files) == 2


def test_no_rows_are_told_and_not_ingested(settings: Settings) -> None:
    ingested = Ingested()
    with comtrade(FakeComtrade([])) as (source, _):
        outcomes = backfill(
            settings, DATASET, "2020", ["RUS"], ingest_file=ingested, comtrade=source
        )
    assert [(one.state, one.rows) for one in outcomes] == [("empty", 0)]
    assert ingested.files == []


def test_an_interrupted_backfill_goes_on_where_it_ended(settings: Settings) -> None:
    fake, ingested = FakeComtrade(ROWS, releases=RELEASED), Ingested()
    told: list[SliceOutcome] = []

    def play(asked: Asked) -> Said:
        used_up = asked.query.get("period") == "2021" and not told[1:]
        return refused(403, "Out of call volume quota.") if used_up else fake(asked)

    def run() -> None:
        backfill(
            settings, DATASET, "2020:2021", ["RUS"], ingest_file=ingested, comtrade=source,
            progress=told.append,
        )  # fmt: skip

    with comtrade(play) as (source, _):
        with pytest.raises(QuotaExhausted):
            run()
        assert [one.state for one in told] == ["accepted"]
        told.append(told[0])
        run()
    assert [one.state for one in told[2:]] == ["skipped", "accepted"]


def test_levels_and_codes_are_slices_of_their_own(settings: Settings) -> None:
    ingested = Ingested()
    with comtrade(FakeComtrade(ROWS)) as (source, _):
        outcomes = backfill(
            settings, DATASET, "2020", ["RUS"], commodities=["AG6", "870323", "870324"],
            flows=["M"], ingest_file=ingested, comtrade=source,
        )  # fmt: skip
    assert [one.commodities for one in outcomes] == ["AG6", "870323,870324"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"periods": "2020:now"}, "no range of periods"),
        ({"periods": "2022:2020"}, "Give 1 to 1200 periods"),
        ({"periods": "0001:9999"}, "Give 1 to 1200 periods"),
        ({"periods": "2020-13"}, "no range of periods"),
        ({"periods": "2020:2020-05"}, "no range of periods"),
        ({"periods": []}, "Give 1 to 1200 periods"),
        ({"reporters": ["Russia"]}, "'Russia' is no area"),
        ({"partners": ["QQQ"]}, "'QQQ' is no area"),
        ({"commodities": ["cars"]}, "'cars' cannot stand in commodities"),
        ({"flows": ["in"]}, "'in' cannot stand in flows"),
        ({"dataset": "customs_imf_totals"}, "only datasets of UN Comtrade"),
    ],
)
def test_a_wrong_wish_is_a_message_before_anything_is_asked(
    settings: Settings, changes: dict[str, Any], message: str
) -> None:
    wish: dict[str, Any] = {"dataset": DATASET, "periods": "2020", "reporters": ["RUS"]} | changes
    with (
        comtrade(FakeComtrade(ROWS)) as (source, publisher),
        pytest.raises(QueryWrong, match=message),
    ):
        backfill(settings, **wish, ingest_file=Ingested(), comtrade=source)
    assert publisher.asked == []


def test_periods_are_years_or_months() -> None:
    assert months_or_years("2018:2020") == ("2018", "2019", "2020")
    assert months_or_years("2019-11:2020-02") == ("201911", "201912", "202001", "202002")
    assert months_or_years("2020") == ("2020",)
    assert months_or_years(["2020-01", "2020-01", "2021"]) == ("202001", "2021")
    assert months_or_years("2020, 2022") == ("2020", "2022")


def test_the_environment_says_key_and_address() -> None:
    with publishing(FakeComtrade(ROWS)) as publisher:
        for key, path in ((KEY, "/data/v1/getDa/C/A/HS"), ("", "/public/v1/getDA/C/A/HS")):
            environment = {"DVINA_COMTRADE_URL": publisher.url, "DVINA_COMTRADE_KEY": key}
            with open_comtrade(DATASET, environment=environment) as source:
                query = module.Query(("643",), ("2020",))
                source.releases("643", query, Path("/tmp"))
            assert publisher.asked[-1].path == path


# As Airflow runs it.

PARAMS = {"frequency": "A", "reporters": ["RUS"], "partners": [], "commodities": ["AG6"]}
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def as_task(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[..., list[str]]:
    """The task against a publisher, with a load that ends as told."""

    def run(play: Play, state: str = "accepted") -> list[str]:
        def land(
            _s: Settings, _d: str, origin: str, scope: dict[str, list[str]], **_: Any
        ) -> Outcome:
            return Ingested(state)(Collected(Path(origin), 1, 1, scope))()

        with publishing(play) as publisher:
            monkeypatch.setenv("DVINA_COMTRADE_URL", publisher.url)
            monkeypatch.setenv(
                "AIRFLOW_CONN_COMTRADE", f'{{"conn_type": "http", "password": "{KEY}"}}'
            )
            monkeypatch.setattr("dvina.settings.settings", lambda: settings)
            monkeypatch.setattr("dvina.pipeline.land_and_judge", land)
            monkeypatch.setattr(module, "Manners", lambda **_: QUICK)
            try:
                return backfill_interval(DATASET, BEGIN, PARAMS)
            finally:
                assert publisher.asked[0].headers["ocp-apim-subscription-key"] == KEY

    return run


def test_the_task_hands_on_names_of_loads(as_task: Callable[..., list[str]]) -> None:
    assert as_task(FakeComtrade(ROWS)) == ["load1"]


def test_the_task_skips_when_nothing_is_new(as_task: Callable[..., list[str]]) -> None:
    for play, state in ((FakeComtrade([]), "accepted"), (FakeComtrade(ROWS), "unchanged")):
        with pytest.raises(AirflowSkipException):
            as_task(play, state)


def test_the_task_fails_at_once_when_another_attempt_cannot_help(
    as_task: Callable[..., list[str]],
) -> None:
    with pytest.raises(AirflowFailException, match="DVINA_COMTRADE_KEY"):
        as_task(lambda _: refused(401, "no"))
    with pytest.raises(AirflowFailException, match="told"):
        as_task(FakeComtrade(ROWS), "rejected")


def test_the_task_may_try_again_when_the_publisher_fails(
    as_task: Callable[..., list[str]],
) -> None:
    with pytest.raises(FetchFailed):
        as_task(lambda _: refused(429, "slow down", **{"Retry-After": "9999"}))


# Through the real pipeline.


def test_a_backfill_ends_in_accepted_loads_and_repeats_as_unchanged(settings: Settings) -> None:
    fake = FakeComtrade(ROWS, limit=100)
    with comtrade(fake) as (source, _):
        first = backfill(settings, DATASET, "2020:2021", ["RUS"], comtrade=source)
        again = backfill(settings, DATASET, "2020:2021", ["RUS"], comtrade=source)
        fake.rows = [{**one, "primaryValue": 2000.0} for one in ROWS if one["partnerCode"]]
        revised = backfill(settings, DATASET, "2020", ["RUS"], comtrade=source)
    assert [(one.state, one.rows) for one in first] == [("accepted", 4), ("accepted", 4)]
    assert [one.state for one in again] == ["unchanged", "unchanged"]
    assert [(one.state, one.rows) for one in revised] == [("accepted", 2)]
    # What the publisher took back is gone, the other year stands.
    assert accepted(settings) == [
        ("2020", "BLR", 2000), ("2020", "BLR", 2000), ("2021", "BLR", 1000.5),
        ("2021", "BLR", 1000.5), ("2021", "WLD", 1000.5), ("2021", "WLD", 1000.5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "strange",
    [
        {"motCode": 9}, {"customsCode": "C01"}, {"partner2Code": 9}, {"reporterCode": 112},
        {"period": "2019"}, {"flowCode": "X"}, {"cmdCode": "8703"},
    ],
)  # fmt: skip
def test_a_row_that_was_not_asked_for_refuses_the_slice(
    settings: Settings, strange: dict[str, Any]
) -> None:
    wish: dict[str, Any] = {"flows": ["M"], "commodities": ["870323", "870324"]}
    rows = [*ROWS[:4], {**ROWS[0], **strange}]
    with comtrade(lambda asked: Said(404) if "getDa" in asked.path else envelope(rows)) as (at, _):
        outcomes = backfill(settings, DATASET, "2020", ["RUS"], comtrade=at, **wish)
    (key,) = strange
    column = next(c.name for c in load_contract(DATASET).columns if c.source == key)
    assert [one.state for one in outcomes] == ["rejected"]
    assert f"row 5 has {column} " in outcomes[0].message


def test_a_slice_that_is_shorter_than_it_says_is_rejected_and_asked_for_again(
    settings: Settings,
) -> None:
    answers = [envelope(ROWS[:4], count=5), envelope(ROWS[:4])]

    def play(asked: Asked) -> Said:
        return Said(404) if "getDa" in asked.path else answers.pop(0)

    with comtrade(play) as (source, _):
        first, again = (
            backfill(settings, DATASET, "2020", ["RUS"], flows=["M"], comtrade=source)[0]
            for _ in range(2)
        )
    assert first.state == "rejected"
    assert "tells of 5 records but holds 4" in first.message
    assert again.state == "accepted"


def accepted(settings: Settings) -> list[tuple[Any, ...]]:
    with open_warehouse(settings.home, "200MB") as connection:
        return connection.execute(
            f"select period, partner_code, value_usd from accepted.{DATASET}_as_of(100000) "
            "order by all"
        ).fetchall()
