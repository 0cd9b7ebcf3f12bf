"""Dates and times by the layouts of a contract, offsets taken to UTC."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.fixed_width import layouts_of_days, parse_days
from ingest.moments import parse_moments

LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M%z",
    "%Y-%m-%dT%H:%M:%S",
    "%d.%m.%Y",
)


def parsed(*texts: str | None) -> list[str | None]:
    found = parse_moments(pa.array(texts, pa.string()), LAYOUTS).to_pylist()
    return [moment and moment.isoformat() for moment in found]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2016-06-02T10:00:00Z", "2016-06-02T10:00:00"),
        ("2016-06-02T10:00:00+04:00", "2016-06-02T06:00:00"),
        ("2016-06-02T10:00:00-0430", "2016-06-02T14:30:00"),
        ("2019-11-25T17:20:38.1197059Z", "2019-11-25T17:20:38.119705"),
        ("2019-11-25T17:20:38.5-01:00", "2019-11-25T18:20:38.500000"),
        ("2020-01-01T00:00Z", "2020-01-01T00:00:00"),
        ("2011-02-26T22:06:51", "2011-02-26T22:06:51"),
        ("2020-02-29", "2020-02-29T00:00:00"),
        ("29.02.2020", "2020-02-29T00:00:00"),
        ("2021-02-29", None),
        ("2021-02-31T00:00:00Z", None),
        ("31.02.2021", None),
        ("2016-06-02T10:00:00+99:00", None),
        ("2016-06-02 10:00:00Z", None),
        ("2016-06-02T25:00:00Z", None),
        ("Last Tuesday", None),
        ("2014-04-15 14:00 Eastern Daylight Time (EDT)", None),
        ("", None),
        (None, None),
    ],
)
def test_a_text_is_a_moment_or_none_whatever_stands_beside_it(
    text: str | None, utc: str | None
) -> None:
    assert parsed(text) == [utc]
    beside = ["2016-06-02T10:00:00Z", "2021-02-31", "2020-01-01T00:00:00.5+01:00", None]
    assert parsed(*beside, text)[-1] == utc


@given(st.integers(-(2**31), 2**32), st.integers(-14 * 60, 14 * 60))
def test_any_moment_with_any_offset_is_the_one_of_the_standard_library(
    seconds: int, minutes: int
) -> None:
    zone = timezone(timedelta(minutes=minutes))
    aware = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    utc = aware.replace(tzinfo=None).isoformat()
    assert parsed(aware.astimezone(zone).isoformat()) == [utc]


@given(
    st.lists(
        st.one_of(
            st.dates(date(1, 1, 1)).map(lambda day: f"{day:%m/%d/}{day.year:04d}"),
            st.text("0123456789/ ", min_size=9, max_size=11),
            st.none(),
        )
    )
)
def test_a_layout_of_fixed_places_takes_the_days_of_the_calendar_and_nothing_else(
    texts: list[str | None],
) -> None:
    found = parse_moments(pa.array(texts, pa.string()), ("%m/%d/%Y 12:00:00 AM", "%m/%d/%Y"))
    assert found.cast(pa.date32()).to_pylist() == [text and _day(text) for text in texts]


def _day(text: str) -> date | None:
    if not re.fullmatch("[0-9]{2}/[0-9]{2}/[0-9]{4}", text):
        return None
    try:
        return date(int(text[6:]), int(text[:2]), int(text[3:5]))
    except ValueError:
        return None


@pytest.mark.parametrize(
    "text", ["12/31/2021", "12/31/2021 12:00:00 AM", "2021-12-31T00:00:00", "2021-12-31"]
)
def test_days_of_several_layouts_stand_beside_each_other(text: str) -> None:
    layouts = ("%m/%d/%Y 12:00:00 AM", "%m/%d/%Y", "%Y-%m-%dT00:00:00", "%Y-%m-%d")
    texts = pa.array([None, "02/29/2021", text, "", "01/02/2003"], pa.string()).slice(1)
    told = parse_moments(texts, layouts).cast(pa.date32()).to_pylist()
    assert told == [None, date(2021, 12, 31), None, date(2003, 1, 2)]


DAYS = ("%m/%d/%Y 12:00:00 AM", "%m/%d/%Y", "%Y-%m-%dT00:00:00", "%Y-%m-%d", "%d.%m.%Y")
calendar = st.dates(date(1, 1, 1), date(9999, 12, 31))
nearly = st.from_regex(
    r"[0-9]{2}[/.:][0-9]{2}[/.][0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True
)
written = st.tuples(calendar, st.sampled_from(DAYS)).map(lambda told: _written(*told))


@given(st.lists(st.one_of(written, nearly, st.text(max_size=12), st.none()), max_size=9))
@example([None, "02/29/2020", "02/29/2021", "", "30.04.2020", "\u0660\u0661/01/2020"])
@example(["02/29/2020", "12/31/9999"])
def test_days_are_those_of_the_standard_library(texts: list[str | None]) -> None:
    layouts = layouts_of_days(DAYS)
    assert len(layouts) == len(DAYS)
    whole = pa.array(["x", *texts], pa.string())
    assert parse_days(whole, layouts).to_pylist()[1:] == [_told(text) for text in texts]
    assert parse_days(whole.slice(1), layouts).to_pylist() == [_told(text) for text in texts]


def test_layouts_that_tell_the_time_are_none_of_days() -> None:
    assert not layouts_of_days(("%Y-%m-%d", "%Y-%m-%d %H:%M:%S"))
    assert not layouts_of_days(("%Y-%m-%d", "%d %b %Y"))


def _written(day: date, layout: str) -> str:
    parts = {"%Y": f"{day.year:04d}", "%m": f"{day.month:02d}", "%d": f"{day.day:02d}"}
    for sign, text in parts.items():
        layout = layout.replace(sign, text)
    return layout


def _told(text: str | None) -> date | None:
    for layout in DAYS:
        try:
            day = datetime.strptime(text or "", layout).date()  # noqa: DTZ007
        except ValueError:
            continue
        if _written(day, layout) == text:
            return day
    return None
