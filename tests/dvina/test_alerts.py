"""From a fault to a message that arrives: a real mail server and a real webhook on loopback."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from dvina import pipeline
from dvina.alerts import store
from dvina.alerts.digest import send_digest
from dvina.alerts.sweep import acknowledge, resolve, sweep
from dvina.settings import AlertRoute, Settings
from expectations.incidents import Incident
from tests.support import rows, toy

SECRET = "a-token-that-nobody-may-read"
GOOD = [f"Belarus,2021-01,{8000 + i},{i + 1}.50," for i in range(10)]
BAD = [*GOOD[:4], *(f"Belarus,2021-01,{8004 + i},many," for i in range(6))]


class Mailbox:
    """A mail server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.refuses = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses:
            return "451 come again later"
        self.mails.append(envelope.content.decode())
        return "250 taken"


class Hook(HTTPServer):
    """A webhook that keeps what it is given."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:
                body = handler.rfile.read(int(handler.headers["content-length"]))
                self.posts.append(json.loads(body))
                handler.send_response(200)
                handler.end_headers()

            def log_message(handler, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def settings(
    home: Path,
    tmp_path: Path,
    mailbox: tuple[Mailbox, int],
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    toy(tmp_path / "contracts", expected_every_days=30)
    monkeypatch.setenv("DVINA_CONTRACTS", str(tmp_path / "contracts"))
    mail = f"mailto://127.0.0.1:{mailbox[1]}?from=dvina@example.org&to=duty@example.org"
    post = f"json://127.0.0.1:{hook.server_port}/{SECRET}"
    monkeypatch.setenv("DVINA_ALERT_URL_DEFAULT", f"{mail} {post}")
    return Settings(home=home)


@pytest.fixture
def send(settings: Settings, tmp_path: Path) -> Callable[..., pipeline.Outcome]:
    """Ingests lines as a file."""
    numbers = iter(range(1000))

    def ingest(lines: list[str] | str) -> pipeline.Outcome:
        path = tmp_path / f"file{next(numbers):03}.csv"
        path.write_text(lines if isinstance(lines, str) else rows(*lines))
        return pipeline.ingest(settings, "toy_flows", str(path))

    return ingest


def open_ones(settings: Settings) -> list[Incident]:
    return [incident for incident in store.incidents(settings.home) if incident.is_open]


Send = Callable[..., pipeline.Outcome]


def test_a_fault_is_told_once_and_its_end_too(
    settings: Settings, send: Send, mailbox: tuple[Mailbox, int], hook: Hook
) -> None:
    assert send(GOOD).state == "accepted"
    assert (mailbox[0].mails, hook.posts) == ([], [])
    first = send(BAD)
    assert first.state == "rejected"
    assert (len(mailbox[0].mails), len(hook.posts)) == (1, 1)
    (post,), (mail,) = hook.posts, mailbox[0].mails
    assert "toy_flows: load rejected (quarantined_share)" in post["title"]
    for told in (
        "6 of 10 rows quarantined (60.00%)", f"dvina quarantine show {first.load_id}",
        "Runbook: Look at the refused rows", "dvina alerts ack",
    ):  # fmt: skip
        assert told in post["message"]
    (page,) = [
        line.removeprefix("Report: ") for line in post["message"].splitlines() if "Report: " in line
    ]
    index = settings.home / "ops" / "data_docs" / "index.html"
    for text in (Path(page).read_text(), index.read_text()):
        assert "quarantined_share" in text
        assert "http" not in text  # nothing is loaded from anywhere
        assert "<script" not in text
    assert "text/html" in mail
    assert "text/plain" in mail
    assert send([*BAD, "Belarus,2021-02,8004,many,"]).state == "rejected"
    assert (len(mailbox[0].mails), len(hook.posts)) == (1, 1)  # the same again is no news
    (incident,) = open_ones(settings)
    assert incident.times == 2
    acknowledge(settings, incident.incident_id, "somebody", "asked the publisher")
    later = datetime.now(UTC) + timedelta(days=3)
    sweep(settings, later)
    assert len(hook.posts) == 1  # acknowledged: not told again
    repaired = send([*GOOD, "Belarus,2021-02,8004,3,"])
    assert repaired.state == "accepted"
    assert (len(mailbox[0].mails), len(hook.posts)) == (2, 2)
    assert "Nothing is open" in index.read_text()
    assert hook.posts[1]["title"].startswith("[resolved]")
    assert repaired.load_id in hook.posts[1]["message"]
    assert open_ones(settings) == []


def test_a_hundred_faults_of_one_cause_are_one_incident(
    settings: Settings, send: Send, mailbox: tuple[Mailbox, int], hook: Hook
) -> None:
    send(GOOD)
    for number in range(100):
        page = f"<!DOCTYPE html><html>Service unavailable {number}</html>"
        assert send(page).state == "rejected"
    (incident,) = open_ones(settings)
    assert incident.times == 100
    assert len(hook.posts) == 1
    assert len(mailbox[0].mails) == 1
    assert send(GOOD).state == "unchanged"  # what is accepted already came in again: all is well
    assert open_ones(settings) == []
    assert hook.posts[1]["title"].startswith("[resolved]")


def test_what_cannot_be_delivered_is_seen_and_tried_again(
    settings: Settings, send: Send, mailbox: tuple[Mailbox, int], caplog: pytest.LogCaptureFixture
) -> None:
    mailbox[0].refuses = True
    send(BAD)
    (waiting,) = store.messages(settings.home)
    assert waiting["attempts"] == 1
    assert waiting["last_error"] == "Email did not take the message"
    assert sweep(settings, datetime.now(UTC)).undelivered == 1  # not due yet
    mailbox[0].refuses = False
    assert sweep(settings, datetime.now(UTC) + timedelta(minutes=3)).delivered == 1
    assert len(mailbox[0].mails) == 1
    assert store.messages(settings.home) == []
    kept = [path.read_text() for path in (settings.home / "ops").rglob("*.json")]
    assert kept
    assert SECRET not in "".join([*kept, caplog.text])


def test_an_open_incident_is_told_again_after_the_interval_and_not_in_a_window_of_silence(
    settings: Settings, send: Send, hook: Hook
) -> None:
    send(BAD)
    day = datetime.now(UTC) + timedelta(hours=25)
    silent = settings.model_copy(update={"alert_quiet": (f"toy_* {day:%Y-%m-%d}/2999-01-01",)})
    sweep(silent, day)
    assert len(hook.posts) == 1
    sweep(settings, day)
    assert [post["title"].split("]")[0] for post in hook.posts] == ["[stop", "[still open"]


def test_a_restart_forgets_nothing_and_somebodys_overruling_resolves(
    settings: Settings, send: Send, hook: Hook
) -> None:
    bad = send(BAD)
    again = Settings(home=settings.home)
    assert len(open_ones(again)) == 1
    assert pipeline.request(again, "accept", bad.load_id, "it is right") is not None
    sweep(again)
    assert open_ones(again) == []


def test_a_late_source_and_its_failing_task_are_one_incident(
    settings: Settings, send: Send, hook: Hook
) -> None:
    send(GOOD)
    store.task_failed(
        settings.home, "ingest_toy", "toy_flows", {"error": "connection refused", "run_id": "r1"}
    )
    sweep(settings, datetime.now(UTC) + timedelta(days=40))
    (incident,) = open_ones(settings)
    assert incident.subject == "task:ingest_toy.toy_flows"
    assert any("is late" in symptom for symptom in incident.symptoms)
    assert len(hook.posts) == 1
    store.task_succeeded(settings.home, "ingest_toy", "toy_flows")
    sweep(settings, datetime.now(UTC))
    assert open_ones(settings) == []


def test_a_late_source_is_well_when_a_load_comes_in(
    settings: Settings, send: Send, hook: Hook
) -> None:
    send(GOOD)
    sweep(settings, datetime.now(UTC) + timedelta(days=40))
    assert [incident.subject for incident in open_ones(settings)] == ["late:Nobody"]
    send([*GOOD, "Belarus,2021-02,8004,3,"])
    assert open_ones(settings) == []
    assert hook.posts[-1]["title"].startswith("[resolved]")


def test_a_failed_build_is_an_incident_until_one_is_published(
    settings: Settings, hook: Hook
) -> None:
    from warehouse import side

    side.note(
        settings.home, last_build={"state": "failed", "message": "rule x failed: sector_id=s1"}
    )
    sweep(settings)
    (incident,) = open_ones(settings)
    assert (incident.subject, incident.sectors) == ("build", ("s1",))
    side.note(settings.home, last_build={"state": "published", "message": "version 2"})
    sweep(settings)
    assert open_ones(settings) == []
    assert len(hook.posts) == 2


def test_incidents_go_where_their_dataset_owner_sector_and_severity_say(
    settings: Settings, send: Send, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OURS", "OTHERS", "GRAVE", "SECTOR"):
        monkeypatch.setenv(f"DVINA_ALERT_URL_{name}", f"json://127.0.0.1:{hook.server_port}/{name}")
    routes = (
        AlertRoute(name="ours", owners=("tests",)),
        AlertRoute(name="others", datasets=("customs_*",)),
        AlertRoute(name="sector", sectors=("automotive",)),
        AlertRoute(name="grave", severity="stop"),
    )
    routed = settings.model_copy(update={"alert_routes": routes})
    send(BAD)
    hook.posts.clear()
    from dvina.alerts.sweep import routes_of

    (incident,) = open_ones(settings)
    assert [route.name for route in routes_of(routed, incident)] == ["ours", "sector", "grave"]
    resolve(routed, incident.incident_id[:10], "somebody", "done")
    assert len(hook.posts) == 3


def test_a_route_without_an_address_keeps_its_messages(
    settings: Settings, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVINA_ALERT_URL_DEFAULT", "nonsense")
    send(BAD)
    (waiting,) = store.messages(settings.home)
    assert "no address that apprise knows" in waiting["last_error"]


def test_the_digest_says_what_is_open_what_came_in_and_what_is_old(
    settings: Settings, send: Send, hook: Hook, tmp_path: Path
) -> None:
    recent = {
        "name": "recent", "expectation": "expect_newest_within", "arguments": {"days": 100},
        "severity": "inform", "why": "A test says so.",
    }  # fmt: skip
    toy(tmp_path / "contracts", expected_every_days=30, rules=[recent])
    send(GOOD)
    send(BAD)
    hook.posts.clear()
    text = send_digest(settings, datetime.now(UTC))
    assert len(hook.posts) == 1
    assert "1 open incidents" in hook.posts[0]["title"]
    for told in (
        "Open: stop: toy_flows: load rejected", "Loads: toy_flows file000.csv: accepted, 10 rows",
        "rejected, 4 rows, 6 quarantined", "Old: toy_flows: newest period 2021-01 ended",
    ):  # fmt: skip
        assert told in text
        assert told in hook.posts[0]["message"]
