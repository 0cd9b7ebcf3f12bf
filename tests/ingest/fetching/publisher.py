"""A publisher on loopback that plays scripted answers: a real HTTP server, and UN Comtrade on it."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingest.fetching.http import Clock, Manners

KEY = "0123456789abcdef-secret-key"
QUICK = Manners(pause=0.0, connect=2.0, read=2.0)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """An answer; ``cut`` ends the connection after so many bytes, ``silence`` comes first."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    silence: float = 0.0
    length: bool = True  # without it the end of the connection is the end of the body


Play = Callable[[Asked], Said]


@dataclass
class Publisher:
    """A running server: where it is, what it was asked, and how it answers."""

    play: Play
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


def in_turn(answers: Sequence[Said]) -> Play:
    """Plays answers one after the other, the last one for ever."""
    left = list(answers)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def publishing(play: Play) -> Iterator[Publisher]:
    """A publisher on a free port of loopback, gone afterwards."""
    publisher = Publisher(play)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {k.lower(): v for k, v in self.headers.items()}
            asked = Asked(parts.path, query, headers)
            publisher.asked.append(asked)
            _send(self, publisher.play(asked), publisher.closing)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up in tests
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    publisher.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield publisher
    finally:
        publisher.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _send(handler: BaseHTTPRequestHandler, said: Said, closing: threading.Event) -> None:
    closing.wait(said.silence)
    handler.send_response(said.status)
    for name, value in said.headers.items():
        handler.send_header(name, value)
    if said.length:
        handler.send_header("Content-Length", str(len(said.body)))
    else:
        handler.send_header("Connection", "close")
    handler.end_headers()
    if said.status != 304:
        handler.wfile.write(said.body if said.cut is None else said.body[: said.cut])
    handler.close_connection = handler.close_connection or said.cut is not None or not said.length


class FakeClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.now, self.sleep)


def packed(said: Said) -> Said:
    """The same answer, gzipped for the way."""
    headers = {**said.headers, "Content-Encoding": "gzip"}
    return replace(said, body=gzip.compress(said.body), headers=headers)


# One row in the layout of the API v1: 47 keys, numbers as int or float.
ROW: Mapping[str, Any] = {
    "typeCode": "C", "freqCode": "A", "refPeriodId": 20200101, "refYear": 2020, "refMonth": 52,
    "period": "2020", "reporterCode": 643, "reporterISO": "RUS", "reporterDesc": "Russian Federation",
    "flowCode": "M", "flowDesc": "Import", "partnerCode": 112, "partnerISO": "BLR",
    "partnerDesc": "Belarus", "partner2Code": 0, "partner2ISO": "W00", "partner2Desc": "World",
    "classificationCode": "H5", "classificationSearchCode": "HS", "isOriginalClassification": True,
    "cmdCode": "870323", "cmdDesc": "Vehicles", "aggrLevel": 6, "isLeaf": True, "customsCode": "C00",
    "customsDesc": "TOTAL CPC", "mosCode": "0", "motCode": 0, "motDesc": "TOTAL MOT",
    "qtyUnitCode": 5, "qtyUnitAbbr": "u", "qty": 12.0, "isQtyEstimated": False,
    "altQtyUnitCode": 5, "altQtyUnitAbbr": "u", "altQty": 12, "isAltQtyEstimated": False,
    "netWgt": None, "isNetWgtEstimated": False, "grossWgt": 0, "isGrossWgtEstimated": False,
    "cifvalue": 1500.25, "fobvalue": None, "primaryValue": 1500.25, "legacyEstimationFlag": 0,
    "isReported": True, "isAggregate": False,
}  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    """A row with changes."""
    assert set(changes) <= set(ROW)
    return {**ROW, **changes}


def envelope(rows: Sequence[Mapping[str, Any]], **changes: Any) -> Said:
    """An answer that holds rows."""
    document = {"elapsedTime": "0.09 secs", "count": len(rows), "data": rows, "error": ""}
    return Said(body=json.dumps({**document, **changes}).encode())


def refused(status: int, message: str, **headers: str) -> Said:
    """A refusal in the words of Azure API Management."""
    return Said(
        status, json.dumps({"statusCode": status, "message": message}).encode(), dict(headers)
    )


@dataclass
class FakeComtrade:
    """Plays the API over some rows: filters, counts, and cuts off at its limit in silence."""

    rows: Sequence[Mapping[str, Any]]
    limit: int = 10
    releases: Mapping[tuple[int, str], str] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Said:
        if "/getDa/" in asked.path or "/getDA/" in asked.path:
            return self._releases(asked)
        rows = [row for row in self.rows if self._is_asked(asked, row)]
        if asked.query.get("countOnly") == "true":
            return envelope([], count=len(rows))
        return envelope(rows[: self.limit])

    def _releases(self, asked: Asked) -> Said:
        reporter = int(asked.query["reporterCode"])
        return envelope(
            [
                {"reporterCode": number, "period": int(period), "lastReleased": moment}
                for (number, period), moment in self.releases.items()
                if number == reporter
            ]
        )

    def _is_asked(self, asked: Asked, row: Mapping[str, Any]) -> bool:
        names = {"reporterCode": "reporterCode", "period": "period", "partnerCode": "partnerCode",
                 "flowCode": "flowCode"}  # fmt: skip
        return asked.path.split("/")[-2] == row["freqCode"] and all(
            str(row[column]) in asked.query[name].split(",")
            for name, column in names.items()
            if name in asked.query
        ) and self._is_commodity(asked, row)  # fmt: skip

    def _is_commodity(self, asked: Asked, row: Mapping[str, Any]) -> bool:
        codes = asked.query.get("cmdCode", "").split(",")
        level = f"AG{row['aggrLevel']}" if row["aggrLevel"] else "TOTAL"
        return codes == [""] or row["cmdCode"] in codes or level in codes
