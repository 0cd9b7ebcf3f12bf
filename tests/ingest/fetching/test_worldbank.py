"""The World Bank's API on loopback: pages, refusals that pass, and pages that shift."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import SourceRefused
from ingest.fetching.errors import FetchFailed, PagesShifted, QueryWrong
from ingest.fetching.http import PoliteClient
from ingest.fetching.worldbank import SERIES, DebtQuery, DebtStatistics, creditor_number
from tests.ingest.fetching.publisher import QUICK, Asked, Play, Said, publishing
from tests.ingest.test_ids import item, page

QUERY = DebtQuery(("BLR",), ("DT.AMT.BLAT.CD",), ("RUS", "CHN"))
ITEMS = [item("Russian Federation", year, 1.5 * year) for year in range(2000, 2025)]


def paged(items: list[dict[str, Any]], updated: str = "2024-12-03") -> Play:
    """A publisher that gives the items in pages of as many as are asked for."""

    def play(asked: Asked) -> Said:
        size, number = int(asked.query["per_page"]), int(asked.query["page"])
        cut = items[(number - 1) * size : number * size]
        body = page(cut, number, -(-len(items) // size), len(items))
        return Said(body=json.dumps({**body, "lastupdated": updated}, indent=1).encode())

    return play


def fetch(play: Play, folder: Path, query: DebtQuery = QUERY) -> tuple[Any, list[Asked]]:
    """What a query brings, ten items a page, and what was asked."""
    with publishing(play) as publisher, PoliteClient("loans_ids_flows", QUICK) as client:
        source = DebtStatistics(client, base=publisher.url, per_page=10)
        return source.fetch(query, folder), publisher.asked


def test_all_pages_are_brought_into_one_file_in_their_order(tmp_path: Path) -> None:
    got, asked = fetch(paged(ITEMS), tmp_path)
    lines = got.path.read_text().splitlines()
    assert [json.loads(line)["page"] for line in lines] == [1, 2, 3]
    assert sum(len(json.loads(line)["source"]["data"]) for line in lines) == got.items == 25
    assert [request.query["page"] for request in asked] == ["1", "2", "3", "1"]
    assert asked[0].path == (
        "/v2/sources/6/country/BLR/series/DT.AMT.BLAT.CD/counterpart-area/087;730/time/all"
    )
    assert got.scope == {
        "period": [""], "series_code": ["=DT.AMT.BLAT.CD"],
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == [got.path.name]


def test_refusals_that_pass_are_asked_again(tmp_path: Path) -> None:
    plain, left = paged(ITEMS), [Said(429, b"slow down", {"retry-after": "0"}), Said(503, b"busy")]
    got, asked = fetch(lambda a: left.pop(0) if left else plain(a), tmp_path)
    assert (got.items, len(asked)) == (25, 6)


def _shifting(change: Callable[[int, Asked], Play]) -> tuple[Play, list[int]]:
    count = [0]

    def play(asked: Asked) -> Said:
        count[0] += 1
        return change(count[0], asked)(asked)

    return play, count


def test_pages_that_shift_once_are_read_again(tmp_path: Path) -> None:
    """An item is added at the front after the first page: the second repeats an item."""
    more = [item("Russian Federation", 1999, 1), *ITEMS]
    play, count = _shifting(lambda n, _: paged(ITEMS) if n == 1 else paged(more))
    got, _ = fetch(play, tmp_path)
    assert (got.items, count[0]) == (26, 2 + 4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda n, _: paged(ITEMS[::-1] if n % 2 else ITEMS), "stands in two pages|other items"),
        (lambda n, _: paged(ITEMS, f"2024-12-{n:02}"), "another last_updated"),
        (lambda n, a: paged(ITEMS[: 25 - (n % 2)]), "another total"),
    ],
)
def test_pages_that_go_on_shifting_are_given_up(
    tmp_path: Path, change: Callable[[int, Asked], Play], told: str
) -> None:
    play, _ = _shifting(change)
    with pytest.raises(PagesShifted, match=told):
        fetch(play, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_error_in_a_body_and_a_status_are_told(tmp_path: Path) -> None:
    error = b'<wb:error xmlns:wb="x"><wb:message id="120">data not found</wb:message></wb:error>'
    with pytest.raises(SourceRefused, match="data not found"):
        fetch(lambda _: Said(body=error), tmp_path)
    with pytest.raises(FetchFailed, match="404"):
        fetch(lambda _: Said(404, b"no such source"), tmp_path)


def test_what_cannot_be_asked_is_said_before_anything_is_sent() -> None:
    assert creditor_number("WB-IBRD") == "901"
    assert creditor_number("87") == "087"
    assert len(DebtQuery(("BLR",)).url("https://x", 1, 10)) < 2000
    assert len(SERIES) == 25
    with pytest.raises(QueryWrong, match="no creditor"):
        DebtQuery(("BLR",), lenders=("ATL",)).url("https://x", 1, 10)
    with pytest.raises(QueryWrong, match="cannot be asked"):
        DebtQuery(("Belarus",))
