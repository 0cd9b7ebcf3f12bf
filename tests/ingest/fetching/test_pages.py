"""Pages of a publisher's API are walked once each, gone on with when cut, and never elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dvina import pipeline, remote
from dvina.settings import Settings
from ingest.errors import HostileInput, SourceRefused
from ingest.fetching.errors import FetchFailed
from ingest.fetching.http import Clock, Manners, PoliteClient
from ingest.fetching.pages import fetch_pages
from tests.ingest.fetching.publisher import QUICK, Asked, Play, Publisher, Said, publishing

DATASET = "procurement_ocds_releases"
PAGES, EACH = 4, 3


def releases(page: int) -> list[dict[str, Any]]:
    numbers = range(page * EACH, (page + 1) * EACH)
    return [{"ocid": f"o{n}", "id": "1", "date": "2020-01-01", "tag": ["tender"]} for n in numbers]


def fetched(publisher: Publisher, folder: Path, path: str = "/api?page=0", **bounds: int) -> Path:
    clock = Clock(sleep=lambda _: None)
    with PoliteClient(DATASET, QUICK, clock) as client:
        return fetch_pages(
            client, publisher.url + path, folder, max_bytes=bounds.get("most", 10**6)
        )


def documents(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def play(tell: Callable[[int], dict[str, Any]], last: int = PAGES - 1) -> Play:
    """A publisher whose pages tell of the next one as ``tell`` says."""

    def answer(asked: Asked) -> Said:
        page = int(asked.query.get("page") or asked.query.get("offset") or 0)
        body = {"releases": releases(page)} | (tell(page + 1) if page < last else {})
        return Said(body=json.dumps(body).encode())

    return answer


WAYS: dict[str, Callable[[int], dict[str, Any]]] = {
    "links": lambda n: {"links": {"next": f"/api?page={n}"}},
    "links with href": lambda n: {"links": {"next": {"href": f"?page={n}"}}},
    "offset": lambda n: {"next_page": {"offset": str(n), "path": f"/api?offset={n}"}},
    "next": lambda n: {"next": f"/api?page={n}"},
}


@pytest.mark.parametrize("way", WAYS)
def test_each_page_is_asked_once_in_whatever_way_the_next_is_told(tmp_path: Path, way: str) -> None:
    with publishing(play(WAYS[way])) as publisher:
        found = documents(fetched(publisher, tmp_path))
    assert [page["releases"] for page in found] == [releases(n) for n in range(PAGES)]
    assert len(publisher.asked) == PAGES


def test_a_link_header_leads_to_the_next_page(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Said:
        page = int(asked.query["page"])
        more = {"link": f'</api?page={page + 1}>; rel="next"'} if page < 2 else {}
        return Said(body=json.dumps(releases(page)).encode(), headers=more)

    with publishing(answer) as publisher:
        assert documents(fetched(publisher, tmp_path)) == [releases(n) for n in range(3)]


def test_an_offset_that_is_repeated_for_ever_ends_with_the_empty_page(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Said:
        page = min(int(asked.query.get("page", 0)), 2)
        body = {
            "data": releases(page) if page < 2 else [],
            "next_page": {"path": f"/api?page={page + 1}"},
        }
        return Said(body=json.dumps(body).encode())

    with publishing(answer) as publisher:
        assert len(documents(fetched(publisher, tmp_path))) == 3


def test_a_walk_that_was_cut_goes_on_behind_the_last_whole_page(tmp_path: Path) -> None:
    whole, broken = play(WAYS["links"]), [True]

    def answer(asked: Asked) -> Said:
        if asked.query.get("page") == "2" and broken[0]:
            return Said(404, b"gone")
        return whole(asked)

    with publishing(answer) as publisher:
        with pytest.raises(FetchFailed, match="404"):
            fetched(publisher, tmp_path)
        broken[0] = False
        found = documents(fetched(publisher, tmp_path))
    assert [page["releases"] for page in found] == [releases(n) for n in range(PAGES)]
    assert [asked.query["page"] for asked in publisher.asked] == ["0", "1", "2", "2", "3"]


def test_a_busy_publisher_is_asked_again(tmp_path: Path) -> None:
    whole, refused = play(WAYS["links"]), [429, 503]

    def answer(asked: Asked) -> Said:
        return Said(refused.pop()) if refused and asked.query.get("page") == "1" else whole(asked)

    with publishing(answer) as publisher:
        assert len(documents(fetched(publisher, tmp_path))) == PAGES
    assert not refused


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"releases": [{}], "links": {"next": "/api?page=0"}}', "in a circle"),
        (b'{"releases": [{}], "links": {"next": "http://other.example/api"}}', "another host"),
        (b'{"releases": [{}], "links": {"next": "file:///etc/passwd"}}', "another host"),
        (b"<html>login</html>", "is no JSON"),
    ],
)
def test_pages_that_lead_astray_are_refused(tmp_path: Path, body: bytes, message: str) -> None:
    with publishing(lambda _: Said(body=body)) as publisher:
        with pytest.raises(SourceRefused, match=message):
            fetched(publisher, tmp_path)
        assert len(publisher.asked) == 1


def test_pages_are_bounded(tmp_path: Path) -> None:
    with (
        publishing(play(WAYS["links"], last=10**6)) as publisher,
        pytest.raises(HostileInput, match="more than 2000 bytes"),
    ):
        fetched(publisher, tmp_path, most=2000)


def test_pages_are_ingested_as_one_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.fetching.http.Manners", lambda contact="": Manners(pause=0.0))
    with publishing(play(WAYS["links"])) as publisher:
        origin = f"{remote.PAGES}{publisher.url}/api?page=0"
        outcome = pipeline.ingest(Settings(home=home), DATASET, origin)
    assert outcome.state == "accepted", outcome.message
    assert outcome.rows_landed == outcome.rows_read == PAGES * EACH
    assert not list((home / "fetching").rglob("pages.json"))
