"""Dates and times by the layouts of a contract, offsets taken to UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
