"""The client of UN Comtrade's API v1 against a publisher on loopback that plays its answers."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ingest.errors import HostileInput, StorageFailed
from ingest.fetching import comtrade_api
from ingest.fetching.areas import Areas
from ingest.fetching.comtrade import Collected, Comtrade
from ingest.fetching.comtrade_answer import fingerprint
from ingest.fetching.comtrade_api import Api
from ingest.fetching.comtrade_query import Lists, Query
from ingest.fetching.errors import (
    AnswerRefused,
    FetchFailed,
    KeyRefused,
    PagesShifted,
    QueryWrong,
    QuotaExhausted,
)
from ingest.fetching.http import PoliteClient
from tests.conftest import SAMPLES_FOLDER, needs_samples
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
    in_turn,
    packed,
    publishing,
    refused,
    row,
)

AREAS = Areas.of({"0": "WLD", "112": "BLR", "276": "DEU", "643": "RUS", "156": "CHN"})
BY_PARTNER = Query(("643",), ("2020",), commodities=("AG6",))
RUSSIA = Query(("643",), ("2020",), flows=("M",), commodities=("870323",))
GOOD = envelope([row()])


@contextmanager
def comtrade(
    play: Play, clock: FakeClock | None = None, key: str | None = KEY, **more: Any
) -> Iterator[tuple[Comtrade, Publisher]]:
    manners = replace(QUICK, read=more.pop("read", 2.0))
    limit, rest = more.pop("limit", None), more
    with (
        publishing(play) as publisher,
        PoliteClient("customs_comtrade_flows", manners, (clock or FakeClock()).clock) as client,
    ):
        api = Api(client, SecretStr(key) if key else None, base=publisher.url, limit=limit)
        yield Comtrade(api, AREAS, **rest), publisher


def rows_of(collected: Collected) -> list[dict[str, Any]]:
    """The rows of a file that holds one answer as it was sent, or several, one a line."""
    text = collected.path.read_text("utf-8-sig")
    lines = [text] if collected.parts == 1 else text.splitlines()
    assert len(lines) == collected.parts
    found = [row for line in lines for row in json.loads(line)["data"]]
    assert len(found) == collected.rows
    return found


def test_a_query_becomes_a_file_of_the_answer_as_it_was_sent(tmp_path: Path) -> None:
    body = json.dumps(json.loads(GOOD.body), indent=1).replace("\n", "\r\n").encode()
    with comtrade(in_turn([Said(body=b"\xef\xbb\xbf" + body)])) as (api, publisher):
        collected = api.fetch(RUSSIA, tmp_path)
        asked = publisher.asked[0]
    assert rows_of(collected) == [row()]
    assert collected.path.name == "comtrade_C_A_HS_RUS_2020_M_all_870323.json"
    assert collected.scope == {"commodity_code": ["=870323"], "partner_code": [""]}
    assert asked.path == "/data/v1/get/C/A/HS"
    assert dict(asked.query) == {
        "reporterCode": "643", "period": "2020", "flowCode": "M", "cmdCode": "870323",
        "partner2Code": "0", "motCode": "0", "customsCode": "C00", "maxRecords": "100000",
        "format": "JSON", "includeDesc": "false",
    }  # fmt: skip
    assert asked.headers["ocp-apim-subscription-key"] == KEY
    assert list(tmp_path.iterdir()) == [collected.path]


def test_without_a_key_the_preview_is_asked(tmp_path: Path) -> None:
    with comtrade(in_turn([GOOD]), key=None) as (api, publisher):
        api.fetch(RUSSIA, tmp_path)
        asked = publisher.asked[0]
    assert asked.path == "/public/v1/preview/C/A/HS"
    assert asked.query["maxRecords"] == "500"
    assert "ocp-apim-subscription-key" not in asked.headers


def test_no_rows_are_an_answer(tmp_path: Path) -> None:
    with comtrade(in_turn([envelope([])])) as (api, publisher):
        collected = api.fetch(RUSSIA, tmp_path)
        assert len(publisher.asked) == 1
    assert (collected.rows, collected.parts) == (0, 1)
    assert rows_of(collected) == []


@pytest.mark.parametrize(
    "message",
    [
        "Access denied due to invalid subscription key. Make sure to provide a valid key.",
        "Access denied due to missing subscription key. Make sure to include subscription key.",
    ],
)
def test_401_says_what_to_do_and_is_not_asked_again(tmp_path: Path, message: str) -> None:
    with (
        comtrade(in_turn([refused(401, message)])) as (api, publisher),
        pytest.raises(
            KeyRefused, match=r"customs_comtrade_flows: 127.*DVINA_COMTRADE_KEY"
        ) as caught,
    ):
        api.fetch(RUSSIA, tmp_path)
    assert message in str(caught.value)
    assert len(publisher.asked) == 1


def test_403_quota_says_when_it_is_replenished_and_is_not_asked_again(tmp_path: Path) -> None:
    message = "Out of call volume quota. Quota will be replenished in 14.07:13:56."
    with (
        comtrade(in_turn([refused(403, message)])) as (api, publisher),
        pytest.raises(QuotaExhausted, match="replenished in 14 days, 7 h 13 min"),
    ):
        api.fetch(RUSSIA, tmp_path)
    assert len(publisher.asked) == 1


def test_a_quota_that_is_replenished_within_the_day(tmp_path: Path) -> None:
    message = "Out of call volume quota. Quota will be replenished in 03:05:59."
    with (
        comtrade(in_turn([refused(403, message)])) as (api, _),
        pytest.raises(QuotaExhausted, match="replenished in 0 days, 3 h 5 min"),
    ):
        api.fetch(RUSSIA, tmp_path)


def test_403_for_another_reason_is_about_the_key(tmp_path: Path) -> None:
    with (
        comtrade(in_turn([Said(403, b"<html>Forbidden</html>")])) as (api, _),
        pytest.raises(KeyRefused, match="Forbidden"),
    ):
        api.fetch(RUSSIA, tmp_path)


def test_429_with_retry_after_waits_as_long(tmp_path: Path) -> None:
    clock = FakeClock()
    limited = refused(
        429, "Rate limit is exceeded. Try again in 26 seconds.", **{"Retry-After": "7"}
    )
    with comtrade(in_turn([limited, GOOD]), clock) as (api, _):
        assert api.fetch(RUSSIA, tmp_path).rows == 1
    assert clock.slept == [7]


def test_429_without_retry_after_waits_as_long_as_its_words_say(tmp_path: Path) -> None:
    clock = FakeClock()
    limited = refused(429, "Rate limit is exceeded. Try again in 26 seconds.")
    with comtrade(in_turn([limited, limited, GOOD]), clock) as (api, _):
        assert api.fetch(RUSSIA, tmp_path).rows == 1
    assert clock.slept == [26, 26]


def test_500_thrice_is_survived(tmp_path: Path) -> None:
    clock = FakeClock()
    with comtrade(in_turn([Said(500)] * 3 + [GOOD]), clock) as (api, _):
        assert api.fetch(RUSSIA, tmp_path).rows == 1
    assert len(clock.slept) == 3


def test_500_always_is_a_message(tmp_path: Path) -> None:
    with (
        comtrade(in_turn([Said(500)])) as (api, _),
        pytest.raises(FetchFailed, match=r"500 Internal Server Error\. Run again later"),
    ):
        api.fetch(RUSSIA, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [True, False])
def test_a_cut_body_is_asked_for_again(tmp_path: Path, length: bool) -> None:
    cut = Said(body=GOOD.body, cut=len(GOOD.body) // 2, length=length)
    with comtrade(in_turn([cut, GOOD])) as (api, publisher):
        assert rows_of(api.fetch(RUSSIA, tmp_path)) == [row()]
        assert len(publisher.asked) == 2


@pytest.mark.parametrize("length", [True, False])
def test_gzip_is_understood_and_a_cut_one_is_asked_for_again(tmp_path: Path, length: bool) -> None:
    whole = packed(envelope([row(cmdDesc=os.urandom(500).hex()) for _ in range(20)]))
    cut = replace(whole, cut=len(whole.body) // 2, length=length)
    with comtrade(in_turn([cut, whole])) as (api, publisher):
        assert api.fetch(RUSSIA, tmp_path).rows == 20
        assert publisher.asked[0].headers["accept-encoding"] == "gzip"
        assert len(publisher.asked) == 2


def test_a_slow_publisher_is_asked_again(tmp_path: Path) -> None:
    with comtrade(in_turn([replace(GOOD, silence=1), GOOD]), read=0.2) as (api, publisher):
        assert api.fetch(RUSSIA, tmp_path).rows == 1
        assert len(publisher.asked) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Service is down for maintenance</html>", "gave no JSON but '<html>Service"),
        (b"", "gave no JSON but ''"),
        (b"null", "gave no JSON but 'null'"),
        (b"[1, 2]", "gave no JSON but"),
        (b'{"count": 1, "data": [}', "not as it documents"),
        (b'{"count": 1, "data": [{"reporterCode": "643"}]}', "not as it documents"),
        (b'{"count": 1, "data": {"reporterCode": 643}}', "not as it documents"),
        (b'{"count": 1, "data": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}", "not as it documents"),
        (b'{"count": 1, "data": [{"period": "\xff"}]}', "not as it documents"),
        (b'{"data": []}', "without a count"),
        (b'{"statusCode": 500, "message": "x"}', "without a count"),
        (GOOD.body + GOOD.body, "2 documents"),
    ],
)
def test_a_body_that_is_no_answer_is_a_message(tmp_path: Path, body: bytes, message: str) -> None:
    with (
        comtrade(in_turn([Said(body=body)])) as (api, publisher),
        pytest.raises(AnswerRefused, match=r"customs_comtrade_flows: 127\.0\.0\.1") as caught,
    ):
        api.fetch(RUSSIA, tmp_path)
    assert message in str(caught.value)
    assert len(publisher.asked) == 1


def test_unknown_fields_are_let_through_however_deep(tmp_path: Path) -> None:
    deep = b"[" * 20_000 + b"]" * 20_000
    body = GOOD.body.replace(b'"typeCode"', b'"new": ' + deep + b', "typeCode"')
    with comtrade(in_turn([Said(body=body)])) as (api, _):
        assert api.fetch(RUSSIA, tmp_path).rows == 1


def test_an_error_inside_an_answer_is_a_message(tmp_path: Path) -> None:
    with (
        comtrade(in_turn([envelope([], error="Invalid period")])) as (api, _),
        pytest.raises(AnswerRefused, match="reports an error: Invalid period"),
    ):
        api.fetch(RUSSIA, tmp_path)


def test_a_count_that_is_not_what_was_sent_is_refused(tmp_path: Path) -> None:
    with (
        comtrade(in_turn([envelope([row()], count=2)])) as (api, _),
        pytest.raises(AnswerRefused, match="says that it sent 2 rows, but sent 1"),
    ):
        api.fetch(RUSSIA, tmp_path)


def test_an_answer_beyond_the_bound_of_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comtrade_api, "MAX_ANSWER_BYTES", 100)
    with comtrade(in_turn([GOOD])) as (api, _), pytest.raises(HostileInput, match="100 bytes"):
        api.fetch(RUSSIA, tmp_path)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_the_key_is_in_no_message_no_log_and_no_repr(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def echo(asked: Asked) -> Said:
        key = asked.headers["ocp-apim-subscription-key"]
        return refused(status, f"no {key} here", **{"Retry-After": "9999"})

    with comtrade(echo) as (api, publisher):
        assert KEY not in repr(vars(api)) + repr(vars(api._api))
        with pytest.raises(FetchFailed) as caught:
            api.fetch(RUSSIA, tmp_path)
    assert publisher.asked[0].headers["ocp-apim-subscription-key"] == KEY
    assert KEY not in str(caught.value) + repr(caught.value) + repr(caught.value.__cause__)
    assert caplog.records
    assert KEY not in caplog.text
    assert all(KEY not in json.dumps(dict(asked.query)) for asked in publisher.asked)


def test_a_key_in_an_error_inside_an_answer_is_struck_out(tmp_path: Path) -> None:
    with (
        comtrade(in_turn([envelope([], error=f"bad {KEY}")])) as (api, _),
        pytest.raises(AnswerRefused, match=r"bad \*\*\*"),
    ):
        api.fetch(RUSSIA, tmp_path)


def test_a_key_that_cannot_be_sent_is_a_message_without_it() -> None:
    with (
        PoliteClient("customs_comtrade_flows", QUICK) as client,
        pytest.raises(KeyRefused, match="odd characters") as caught,
    ):
        Api(client, SecretStr("кл юч"))
    assert "кл" not in str(caught.value)


# Splitting.


def many(**spread: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Rows for every combination of the given values."""
    rows: list[dict[str, Any]] = [{}]
    for name, values in spread.items():
        rows = [{**one, name: value} for one in rows for value in values]
    return [row(**one, primaryValue=number + 0.5) for number, one in enumerate(rows)]


def test_100_001_records_are_not_trusted_but_split(tmp_path: Path) -> None:
    def play(asked: Asked) -> Said:
        if asked.query.get("countOnly"):
            return envelope([], count=2)
        if "," in asked.query["period"]:
            return envelope([row()], count=100_001)
        return envelope([row(period=asked.query["period"])])

    with comtrade(play) as (api, publisher):
        collected = api.fetch(replace(RUSSIA, periods=("2019", "2020")), tmp_path)
        periods = [asked.query["period"] for asked in publisher.asked]
    assert [found["period"] for found in rows_of(collected)] == ["2019", "2020"]
    assert periods == ["2019,2020", "2019", "2020", "2019,2020", "2019"]


def test_an_answer_of_exactly_the_limit_is_not_trusted(tmp_path: Path) -> None:
    fake = FakeComtrade(many(period=("2019", "2020"), cmdCode=("870321", "870323")), limit=4)
    with comtrade(fake, limit=4) as (api, _):
        query = replace(RUSSIA, periods=("2019", "2020"), commodities=("AG6",))
        assert api.fetch(query, tmp_path).parts == 2


def test_a_query_is_split_by_period_reporter_flow_partner_and_commodity(tmp_path: Path) -> None:
    rows = many(
        period=("2019", "2020"),
        reporterCode=(643, 112),
        flowCode=("M", "X"),
        partnerCode=(0, 156, 276),
        cmdCode=("870321", "870323", "870324"),
    )
    lists = Lists(("0", "112", "156", "276", "643"), ("87", "8703", "870321", "870323", "870324"))
    query = Query(("643", "112"), ("2019", "2020"), commodities=("AG6",))
    with comtrade(FakeComtrade(rows, limit=3), limit=3, lists=lists) as (api, publisher):
        collected = api.fetch(query, tmp_path)
        first = [asked.query for asked in publisher.asked]
    assert sorted(found["primaryValue"] for found in rows_of(collected)) == sorted(
        one["primaryValue"] for one in rows
    )
    assert collected.notes == ()
    assert collected.scope == {"commodity_code": [""], "partner_code": [""]}
    assert [asked["period"] for asked in first[:2]] == ["2019,2020", "2019"]
    assert [asked["reporterCode"] for asked in first[1:3]] == ["643,112", "643"]
    assert "flowCode" not in first[2]
    assert first[3]["flowCode"] == "M,X,RM,RX,FM"


def test_all_levels_are_split_level_by_level(tmp_path: Path) -> None:
    rows = [
        row(cmdCode=code, aggrLevel=len(code) if code.isdecimal() else 0)
        for code in ("TOTAL", "87", "8703", "870323")
    ]
    with comtrade(FakeComtrade(rows, limit=4), limit=4) as (api, _):
        query = replace(RUSSIA, partners=("112",), commodities=None)
        collected = api.fetch(query, tmp_path)
    assert [found["cmdCode"] for found in rows_of(collected)] == ["TOTAL", "87", "8703", "870323"]


def test_what_cannot_be_split_any_more_is_a_message(tmp_path: Path) -> None:
    with (
        comtrade(FakeComtrade(many(cmdCode=("870323",) * 10)), key=None, limit=5) as (api, _),
        pytest.raises(QueryWrong, match=r"cannot be split any more.*DVINA_COMTRADE_KEY"),
    ):
        api.fetch(replace(RUSSIA, partners=("112",)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_long_address_is_split_before_it_is_sent(tmp_path: Path) -> None:
    codes = tuple(f"87{number:04d}" for number in range(700))
    rows = many(cmdCode=codes)
    with comtrade(FakeComtrade(rows, limit=500), limit=500) as (api, publisher):
        collected = api.fetch(replace(RUSSIA, commodities=codes), tmp_path)
        longest = max(
            len(f"{asked.path}?{'&'.join(map('='.join, asked.query.items()))}")
            for asked in publisher.asked
        )
    assert [found["cmdCode"] for found in rows_of(collected)] == list(codes)
    assert 1000 < longest < 2000
    assert len(collected.path.name) < 200


def test_an_address_that_the_publisher_finds_too_long_is_split(tmp_path: Path) -> None:
    fake = FakeComtrade(many(cmdCode=("870321", "870323", "870324")))

    def play(asked: Asked) -> Said:
        return Said(414) if "," in asked.query["cmdCode"] else fake(asked)

    with comtrade(play) as (api, _):
        query = replace(RUSSIA, commodities=("870321", "870323", "870324"))
        assert api.fetch(query, tmp_path).rows == 3


def test_codes_that_are_missing_in_a_list_are_noticed_by_the_publishers_count(
    tmp_path: Path,
) -> None:
    rows = many(partnerCode=(0, 156, 276, 997, 998, 999))
    lists = Lists(partners=("0", "156", "276"))
    with (
        comtrade(FakeComtrade(rows, limit=4), limit=4, lists=lists) as (api, _),
        pytest.raises(PagesShifted, match="the parts hold 3 rows, its own count is 6"),
    ):
        api.fetch(replace(RUSSIA, commodities=("AG6",)), tmp_path)


def test_a_count_that_is_cut_at_the_limit_is_noted(tmp_path: Path) -> None:
    fake = FakeComtrade(many(period=("2019", "2020"), cmdCode=("870321", "870323")), limit=4)

    def play(asked: Asked) -> Said:
        return envelope([], count=3) if asked.query.get("countOnly") else fake(asked)

    with comtrade(play, limit=3) as (api, _):
        query = replace(RUSSIA, periods=("2019", "2020"), commodities=("AG6",))
        collected = api.fetch(query, tmp_path)
    assert collected.rows == 4
    assert "not proven" in collected.notes[0]


# Pages that shift while they are read.


class Shifting:
    """UN Comtrade that publishes something new after so many calls."""

    def __init__(self, publish: Callable[[list[Mapping[str, Any]]], None], *after: int) -> None:
        codes = tuple(f"87032{digit}" for digit in range(6))
        self.fake = FakeComtrade(many(period=("2019", "2020"), cmdCode=codes), 8)
        self.publish, self.after, self.calls = publish, after, 0

    def __call__(self, asked: Asked) -> Said:
        self.calls += 1
        if self.calls in self.after:
            rows = list(self.fake.rows)
            self.publish(rows)
            self.fake = FakeComtrade(rows, 8)
        return self.fake(asked)


def revise(rows: list[Mapping[str, Any]]) -> None:
    rows[0] = {**rows[0], "primaryValue": rows[0]["primaryValue"] + 1}


def add(rows: list[Mapping[str, Any]]) -> None:
    rows.append(row(period="2019", cmdCode=f"8704{len(rows):02d}"))


def withdraw(rows: list[Mapping[str, Any]]) -> None:
    rows.pop(1)


SHIFTED = replace(RUSSIA, periods=("2019", "2020"), commodities=("AG6",))


@pytest.mark.parametrize("publish", [revise, add, withdraw])
@pytest.mark.parametrize("call", [3, 4])
def test_a_release_while_it_is_read_is_noticed_and_all_is_read_again(
    tmp_path: Path, publish: Callable[[list[Mapping[str, Any]]], None], call: int
) -> None:
    play = Shifting(publish, call)
    with comtrade(play, limit=8) as (api, _):
        collected = api.fetch(SHIFTED, tmp_path)
    assert rows_of(collected) == [
        one for period in ("2019", "2020") for one in play.fake.rows if one["period"] == period
    ]
    assert play.calls > 5


def test_a_release_without_end_is_given_up(tmp_path: Path) -> None:
    play = Shifting(revise, *range(1, 100))
    with (
        comtrade(play, limit=8) as (api, _),
        pytest.raises(PagesShifted, match=r"in 3 rounds .*asked for again held other rows"),
    ):
        api.fetch(SHIFTED, tmp_path)
    assert play.calls == 15
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_stands_in_two_parts_is_noticed(tmp_path: Path) -> None:
    def play(asked: Asked) -> Said:
        if asked.query.get("countOnly"):
            return envelope([], count=2)
        return envelope([row()], count=100_001 if "," in asked.query["period"] else 1)

    with (
        comtrade(play) as (api, _),
        pytest.raises(PagesShifted, match="period 2020 was not asked for"),
    ):
        api.fetch(replace(RUSSIA, periods=("2019", "2020")), tmp_path)


@pytest.mark.parametrize("column", ["partner2Code", "motCode", "customsCode", "reporterCode"])
def test_rows_that_would_count_twice_are_not_taken(tmp_path: Path, column: str) -> None:
    strange = envelope([row(), row(**{column: "C01" if column == "customsCode" else 9})])
    with (
        comtrade(in_turn([strange])) as (api, _),
        pytest.raises(PagesShifted, match=f"{column} (9|C01) was not asked for"),
    ):
        api.fetch(RUSSIA, tmp_path)


def test_the_fingerprint_knows_content_from_form(tmp_path: Path) -> None:
    rows = many(cmdCode=("870321", "870323"))
    turned = [dict(reversed(one.items())) for one in reversed(rows)]
    turned[0]["qty"] = 12  # was 12.0
    path = tmp_path / "answer.json"

    def printed(said: Said) -> str:
        path.write_bytes(said.body)
        return fingerprint(path, "who")

    first = printed(envelope(rows))
    assert printed(envelope(turned, elapsedTime="9 secs")) == first
    for name, value in {"primaryValue": 7, "cmdCode": "870322", "qty": None}.items():
        assert printed(envelope([{**rows[0], name: value}, rows[1]])) != first
    assert printed(envelope([*rows, rows[0]])) != first


# Around it.


def test_progress_is_told_in_rows(tmp_path: Path) -> None:
    told: list[int] = []
    fake = FakeComtrade(many(period=("2019", "2020"), cmdCode=("870321", "870323")), limit=4)
    with comtrade(fake, limit=4) as (api, _):
        api.fetch(SHIFTED, tmp_path, told.append)
    assert told == [2, 4]


def test_a_disk_that_refuses_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with comtrade(in_turn([GOOD])) as (api, _), pytest.raises(StorageFailed, match="customs_com"):
        api.fetch(RUSSIA, tmp_path / "file")


def test_releases_are_told_by_period(tmp_path: Path) -> None:
    fake = FakeComtrade([], releases={(643, "2020"): "2021-05-01", (643, "2021"): "2022-05-01"})
    with comtrade(fake) as (api, publisher):
        assert api.releases("643", RUSSIA, tmp_path) == {"2020": "2021-05-01", "2021": "2022-05-01"}
        assert publisher.asked[0].path == "/data/v1/getDa/C/A/HS"
    with comtrade(fake, key=None) as (api, publisher):
        assert api.releases("112", RUSSIA, tmp_path) == {}
        assert publisher.asked[0].path == "/public/v1/getDA/C/A/HS"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": 1}', b"[" * 100_000])
def test_a_list_of_releases_that_is_none_is_a_message(tmp_path: Path, body: bytes) -> None:
    with comtrade(in_turn([Said(body=body)])) as (api, _), pytest.raises(AnswerRefused):
        api.releases("643", RUSSIA, tmp_path)


def test_nothing_is_left_running(tmp_path: Path) -> None:
    before = threading.active_count()
    with comtrade(in_turn([GOOD])) as (api, _):
        api.fetch(RUSSIA, tmp_path)
    assert threading.active_count() <= before + 1


@needs_samples
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("json_v1_get_C_A_HS_chn_2010_raw_body.json", 4),
        ("json_v1_get_C_A_HS_chn_2010.json", 4),
        ("json_v1_get_S_A_EB_empty.json", 0),
        ("json_v1_bulk_empty_result.json", 0),
    ],
)
def test_real_answers_are_taken(tmp_path: Path, name: str, rows: int) -> None:
    body = (SAMPLES_FOLDER / "customs/comtrade" / name).read_bytes()
    with comtrade(in_turn([Said(body=body)])) as (api, _):
        query = Query(("156",), ("2010",), commodities=("TOTAL",))
        collected = api.fetch(query, tmp_path)
    assert collected.rows == rows
    assert json.loads(collected.path.read_bytes()) == json.loads(body)


@needs_samples
@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("json_v1_error_401_invalid_key.json", 401, KeyRefused),
        ("json_v1_error_401_missing_key.json", 401, KeyRefused),
        ("json_apim_error_403_quota.json", 403, QuotaExhausted),
    ],
)
def test_real_refusals_are_understood(
    tmp_path: Path, name: str, status: int, kind: type[FetchFailed]
) -> None:
    body = (SAMPLES_FOLDER / "customs/comtrade" / name).read_bytes()
    with comtrade(in_turn([Said(status, body)])) as (api, _), pytest.raises(kind):
        api.fetch(RUSSIA, tmp_path)
