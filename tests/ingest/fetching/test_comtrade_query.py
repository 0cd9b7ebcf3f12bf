"""Queries, areas, names and scopes of UN Comtrade, without a publisher."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.fetching.areas import REPORTS_TODAY, Areas, shipped_areas
from ingest.fetching.comtrade_query import (
    DIMENSIONS,
    FLOWS,
    Lists,
    Query,
    apart,
    halves,
    shorter,
)
from ingest.fetching.errors import QueryWrong

AREAS = Areas.of({"0": "WLD", "004": "AFG", "112": "BLR", "276": "DEU", "280": "DEU", "643": "RUS"})
QUERY = Query(("643",), ("2020",))


def test_months_are_asked_for_monthly() -> None:
    assert QUERY.frequency == "A"
    assert replace(QUERY, periods=("202001", "202002")).path == "C/M/HS"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("periods", ("20",)), ("periods", ("202013",)), ("periods", ("2020", "202001")),
        ("periods", ()), ("periods", ("2020", "2020")), ("reporters", ("RUS",)),
        ("reporters", ()), ("partners", ("1234",)), ("partners", ()), ("flows", ("Import",)),
        ("commodities", ("87,88",)), ("commodities", ("AG5",)), ("commodities", ("7",)),
        ("commodities", ("AG6", "87")), ("commodities", ("8703230",)), ("commodities", ("87&x",)),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_it_is_sent(
    name: str, values: tuple[str, ...]
) -> None:
    with pytest.raises(QueryWrong, match="UN Comtrade"):
        replace(QUERY, **{name: values})  # type: ignore[arg-type]


def test_a_classification_is_checked() -> None:
    assert replace(QUERY, classification="H6").path == "C/A/H6"
    with pytest.raises(QueryWrong, match="classification"):
        replace(QUERY, classification="../x")


def test_the_scope_is_how_much_of_its_slices_a_query_covers() -> None:
    whole = {"commodity_code": [""], "partner_code": [""]}
    assert QUERY.scope(AREAS) == whole
    assert replace(QUERY, flows=("M",), commodities=("AG6", "TOTAL")).scope(AREAS) == whole
    narrow = replace(QUERY, commodities=("8703", "87"), partners=("112", "276", "280"))
    assert narrow.scope(AREAS) == {
        "commodity_code": ["=87", "=8703"],
        "partner_code": ["=BLR", "=DEU"],
    }
    with pytest.raises(QueryWrong, match=r"area 999 has no code.*countries_comtrade\.csv"):
        replace(QUERY, partners=("999",)).scope(AREAS)


def test_the_file_name_says_the_query() -> None:
    assert QUERY.file_name(AREAS) == "comtrade_C_A_HS_RUS_2020_all_all_all.json"
    query = Query(("643",), ("202001",), ("112", "0"), ("M", "X"), ("87",))
    assert query.file_name(AREAS) == "comtrade_C_M_HS_RUS_202001_M-X_BLR-WLD_87.json"
    long = replace(QUERY, commodities=tuple(f"{n:06d}" for n in range(500)))
    other = replace(QUERY, commodities=tuple(f"{n:06d}" for n in range(499)))
    assert len(long.file_name(AREAS)) < 150
    assert long.file_name(AREAS) != other.file_name(AREAS)


def test_levels_and_codes_are_asked_for_apart() -> None:
    assert apart(["87", "8703", "AG6", "870323", "TOTAL", "87"]) == [
        ("AG6", "TOTAL"), ("87", "8703", "870323"),
    ]  # fmt: skip
    assert apart([]) == []


def test_our_codes_become_the_publishers_and_back() -> None:
    assert AREAS.number("RUS") == AREAS.number("rus") == AREAS.number("643") == "643"
    assert AREAS.number("DEU") == "276"
    assert AREAS.number("AFG") == "4"
    assert AREAS.code("280") == "DEU"
    with pytest.raises(QueryWrong, match="'XXX' is no area"):
        AREAS.number("XXX")


def test_several_numbers_without_a_preference_are_not_guessed() -> None:
    with pytest.raises(QueryWrong, match="'ABC'"):
        Areas.of({"1": "ABC", "2": "ABC"}).number("ABC")


def test_the_shipped_areas_know_who_reports_today() -> None:
    areas = shipped_areas()
    expected = {"IND": "699", "FRA": "251", "USA": "842", "CHE": "757", "NOR": "579", "ITA": "380",
                "BEL": "56", "DEU": "276", "RUS": "643", "BLR": "112", "CHN": "156"}  # fmt: skip
    assert {code: areas.number(code) for code in expected} == expected
    assert {areas.code(number) for number in REPORTS_TODAY.values()} >= {"IND", "USA"}
    assert areas.code("0") == areas.code(areas.number(areas.code("0")))
    assert len(areas.numbers) > 200
    ambiguous = {
        code
        for code in areas.codes.values()
        if list(areas.codes.values()).count(code) > 1 and code not in REPORTS_TODAY
    }
    assert ambiguous <= {"A79"}  # two rests of America: asked for by number


codes = st.lists(
    st.integers(0, 999_999).map("{:06d}".format), min_size=1, max_size=400, unique=True
).map(tuple)


@given(codes, st.lists(st.sampled_from(FLOWS), min_size=1, unique=True).map(tuple))
def test_parts_ask_for_what_the_whole_asks_for_and_nothing_twice(
    commodities: tuple[str, ...], flows: tuple[str, ...]
) -> None:
    query = Query(("643", "112"), ("2019", "2020"), ("276",), flows, commodities)
    whole = {(p, r, f, c) for p in query.periods for r in query.reporters for f in flows for c in commodities}  # fmt: skip
    for split in (lambda part: halves(part, Lists()), shorter):
        asked: list[tuple[str, str, str, str]] = []
        waiting = [query]
        while waiting:
            part = waiting.pop()
            smaller = split(part)
            if smaller is None:
                assert all(len(getattr(part, name) or "1") == 1 for name in DIMENSIONS)
                c = (part.commodities or ("",))[0]
                asked.append((part.periods[0], part.reporters[0], (part.flows or ("",))[0], c))
            else:
                waiting.extend(smaller)
        assert len(asked) == len(whole)
        assert set(asked) == whole


@given(codes)
def test_an_address_says_exactly_what_is_asked(commodities: tuple[str, ...]) -> None:
    url = replace(QUERY, commodities=commodities).url("https://x/get", limit=500)
    said = parse_qs(urlsplit(url).query)
    assert said["cmdCode"] == [",".join(commodities)]
    assert (said["partner2Code"], said["motCode"], said["customsCode"]) == (["0"], ["0"], ["C00"])


def test_a_single_level_without_a_list_of_codes_is_not_split_by_commodity() -> None:
    one = Query(("643",), ("2020",), ("112",), ("M",), ("AG6",))
    assert halves(one, Lists()) is None
    assert halves(one, Lists(commodities=("87", "870321", "870323"))) == (
        replace(one, commodities=("870321",)),
        replace(one, commodities=("870323",)),
    )
    assert shorter(one) is None
