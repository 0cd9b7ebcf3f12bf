"""Casting a column: exact values pass, all others are marked, and neighbours do not matter."""

from datetime import date
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.columns import Cast, cast_column
from ingest.contract_column import Column


def _cast(column: Column, *values: str) -> Cast:
    return cast_column(column, pa.array(values, pa.string()), 100, damaged=True)


def _rules(cast: Cast, row: int) -> list[str]:
    return [rule for rule, mask in cast.broken if mask[row]]


def _column(type_: str, **more: object) -> Column:
    return Column(name="c", type=type_, description="d", source="c", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", "1.50"), ("-0.25", "-0.25"), ("007", "7"), ("0.100", "0.10"), (" 3 ", "3"),
     ("9999999999999999.99", "9999999999999999.99"), (".5", "0.50"), ("+1", "1"),
     ("1.25e3", "1250"), ("1E+7", "10000000"), ("10e-3", "0.01"), ("0e9", "0")],
)  # fmt: skip
def test_a_decimal_is_exact(text: str, value: str) -> None:
    for values in ((text,), (text, "bad")):
        cast = _cast(_column("decimal"), *values)
        assert not _rules(cast, 0)
        assert cast.values[0].as_py() == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "n/a",
        "1e30",
        "1e-3",
        "e3",
        "1e",
        "1,5",
        "1 000",
        "1.005",
        "12345678901234567",
        "NaN",
        "inf",
        "0x1F",
        ".",
    ],
)
def test_a_decimal_that_is_not_exact_is_refused_alone_and_among_good_ones(text: str) -> None:
    for values in ((text,), ("1.00", text, "2.00")):
        cast = _cast(_column("decimal"), *values)
        assert "not_decimal" in _rules(cast, values.index(text))
        assert all(not _rules(cast, i) for i, v in enumerate(values) if v != text)


def test_a_decimal_comma_takes_no_point() -> None:
    cast = _cast(_column("decimal", decimal_mark=","), "1,5", "1.5", "1.000,5")
    assert cast.values[0].as_py() == Decimal("1.50")
    assert _rules(cast, 1) == ["not_decimal", "missing"]
    assert _rules(cast, 2) == ["not_decimal", "missing"]


def test_a_day_that_does_not_exist_is_no_date() -> None:
    column = _column("date", layouts=("%Y-%m-%d", "%d.%m.%Y"))
    cast = _cast(column, "2021-02-28", "2021-02-31", "28.02.2021", "2021-2-3", "2021-02-28x")
    assert cast.values[0].as_py() == cast.values[2].as_py() == date(2021, 2, 28)
    assert [bool(_rules(cast, i)) for i in range(5)] == [False, True, False, True, True]


def test_timestamps_keep_their_fraction() -> None:
    column = _column("timestamp", layouts=("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"))
    cast = _cast(column, "2018-03-01 13:02:06.778", "2018-03-01 13:02:06", "2018-03-01 25:02:06")
    assert cast.values[0].as_py().microsecond == 778_000
    assert cast.values[1].as_py().microsecond == 0
    assert _rules(cast, 2) == ["not_timestamp", "missing"]


def test_an_unknown_country_is_not_guessed() -> None:
    column = _column("text", lookup="countries")
    cast = _cast(column, "Belarus", "RUSSIA", "Namibia", "Belorussland")
    assert cast.values.to_pylist() == ["BLR", "RUS", "NAM", None]
    assert _rules(cast, 3)[0] == "unknown_countries"


def test_na_is_namibia_and_not_null_where_the_contract_says_so() -> None:
    cast = _cast(_column("text"), "NA")
    assert cast.values.to_pylist() == ["NA"]


def test_bytes_that_are_no_text_are_marked() -> None:
    cast = _cast(_column("text"), "\ufffd\ufffd", "fine", "a\x00b")
    assert _rules(cast, 0)[0] == "encoding"
    assert _rules(cast, 1) == []
    assert _rules(cast, 2) == ["nul_byte"]


def test_bounds_lists_patterns_and_lengths_are_checked() -> None:
    assert _rules(_cast(_column("decimal", minimum="0"), "-1"), 0) == ["below_minimum"]
    assert _rules(_cast(_column("integer", maximum="5"), "6"), 0) == ["above_maximum"]
    assert _rules(_cast(_column("text", allowed=("FOB",)), "CIF"), 0) == ["not_in_list"]
    assert _rules(_cast(_column("text", values={"IMPORT": "M"}), "TRANSIT"), 0)[0] == "not_in_list"
    assert _rules(_cast(_column("text", pattern="[0-9]{8}"), "8703"), 0) == ["pattern"]
    assert _rules(_cast(_column("text"), "x" * 101), 0) == ["too_long"]
    assert _rules(_cast(_column("text"), ""), 0) == ["missing"]


@given(st.lists(st.text(max_size=30), max_size=8))
def test_whatever_text_comes_each_value_is_cast_or_marked(values: list[str]) -> None:
    raw = pa.array(values, pa.string())
    for kind, more in (
        ("decimal", {}), ("integer", {}), ("text", {}), ("period", {}), ("boolean", {}),
        ("date", {"layouts": ("%Y-%m-%d",)}), ("timestamp", {"layouts": ("%Y-%m-%d %H:%M:%S.%f",)}),
    ):  # fmt: skip
        cast = cast_column(_column(kind, **more), raw, 1000)
        assert len(cast.values) == len(values)
        for row, value in enumerate(cast.values):
            assert value.is_valid or _rules(cast, row)


@given(st.lists(st.text("0123456789.,-+eE ", max_size=24), min_size=1, max_size=6))
@example([".0", "malformed"])
@example(["-.50", "+.500", ".", "1e1"])
def test_a_decimal_that_passes_is_the_number_that_was_written(texts: list[str]) -> None:
    cast = _cast(_column("decimal"), *texts)
    for row, text in enumerate(texts):
        if not _rules(cast, row):
            assert cast.values[row].as_py() == Decimal(text.strip())
        else:
            assert not _plainly_exact(text)


def _plainly_exact(text: str) -> bool:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return False
    if "e" in text.lower() or abs(number) >= 10**16:
        return False
    return number == number.quantize(Decimal("0.01"))
