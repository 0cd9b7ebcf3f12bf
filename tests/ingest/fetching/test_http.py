"""The polite client against a publisher on loopback."""

from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from ingest.errors import HostileInput
from ingest.fetching.errors import FetchFailed, TryAgain
from ingest.fetching.http import PoliteClient, Request, retry_after, shown, user_agent
from tests.ingest.fetching.publisher import (
    KEY,
    QUICK,
    Asked,
    FakeClock,
    Said,
    in_turn,
    packed,
    publishing,
)


def take_all(client: PoliteClient) -> Callable[[httpx.Response], bytes]:
    return lambda response: b"".join(client.body(response, 10_000_000))


def ask(url: str, clock: FakeClock, **manners: object) -> bytes:
    chosen = replace(QUICK, **manners)  # type: ignore[arg-type]
    with PoliteClient("toy_flows", chosen, clock.clock) as client:
        return client.ask(Request(url), take_all(client))


def test_the_client_names_itself_and_its_operator() -> None:
    with publishing(in_turn([Said(body=b"x")])) as publisher:
        ask(publisher.url, FakeClock(), contact="mailto:data@example.org")
    assert publisher.asked[0].headers["user-agent"] == user_agent("mailto:data@example.org")
    assert user_agent("mailto:data@example.org").startswith("dvina/")
    assert "(+mailto:data@example.org)" in user_agent("mailto:data@example.org")


def test_requests_to_one_host_keep_a_pace() -> None:
    clock = FakeClock()
    with (
        publishing(in_turn([Said(body=b"x")])) as publisher,
        PoliteClient("toy_flows", replace(QUICK, pause=1.5), clock.clock) as client,
    ):
        for _ in range(3):
            client.ask(Request(publisher.url), take_all(client))
    assert clock.slept == [1.5, 1.5]


def test_another_host_has_a_pace_of_its_own() -> None:
    clock = FakeClock()
    with (
        publishing(in_turn([Said(body=b"x")])) as publisher,
        PoliteClient("toy_flows", replace(QUICK, pause=1.5), clock.clock) as client,
    ):
        client.ask(Request(publisher.url), take_all(client))
        client.ask(Request(publisher.url.replace("127.0.0.1", "localhost")), take_all(client))
    assert clock.slept == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_get_better_is_asked_again_with_growing_waits(status: int) -> None:
    clock = FakeClock()
    with publishing(in_turn([Said(status), Said(status), Said(body=b"good")])) as publisher:
        assert ask(publisher.url, clock) == b"good"
    assert 2 <= clock.slept[0] <= 2.5
    assert 4 <= clock.slept[1] <= 4.5


def test_retry_after_is_obeyed_in_seconds_and_as_a_date() -> None:
    clock = FakeClock()
    date = formatdate(clock.now + 17 + 40, usegmt=True)
    answers = [
        Said(429, headers={"Retry-After": "17"}),
        Said(503, headers={"Retry-After": date}),
        Said(body=b"good"),
    ]
    with publishing(in_turn(answers)) as publisher:
        assert ask(publisher.url, clock) == b"good"
    assert clock.slept == [17, 40]


def test_who_asks_for_a_longer_wait_than_we_have_is_asked_another_day() -> None:
    clock = FakeClock()
    with (
        publishing(in_turn([Said(429, headers={"Retry-After": "86400"})])) as publisher,
        pytest.raises(FetchFailed, match=r"toy_flows: http://127.0.0.1.*asks to wait 86400 s"),
    ):
        ask(publisher.url, clock)
    assert clock.slept == []
    assert len(publisher.asked) == 1


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "Wed, 99 Foo 2020", "9" * 5000])
def test_a_retry_after_that_is_none_is_none(value: str) -> None:
    assert retry_after(value, 0.0) in (None, float("inf"))


def test_a_date_that_has_passed_is_no_wait() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1_700_000_000) == 0


def test_attempts_are_bounded_and_the_message_says_what_happened() -> None:
    clock = FakeClock()
    with (
        publishing(in_turn([Said(500)])) as publisher,
        pytest.raises(FetchFailed, match=r"in 6 attempts: it answered 500 Internal Server Error"),
    ):
        ask(publisher.url, clock)
    assert len(publisher.asked) == 6


def test_a_cut_body_is_asked_for_again() -> None:
    body = b"0123456789" * 100_000
    with publishing(in_turn([Said(body=body, cut=400_000), Said(body=body)])) as publisher:
        assert ask(publisher.url, FakeClock()) == body


def test_a_silent_publisher_is_asked_again() -> None:
    with publishing(in_turn([Said(silence=1), Said(body=b"good")])) as publisher:
        assert ask(publisher.url, FakeClock(), read=0.2) == b"good"


def test_a_body_that_drips_beyond_the_bound_of_time_is_given_up() -> None:
    clock = FakeClock()

    def take(response: httpx.Response) -> bytes:
        pieces = client.body(response, 10_000_000)
        clock.now += 100
        next(pieces)
        clock.now += 100
        return next(pieces)

    with (
        publishing(in_turn([Said(body=b"x" * 1_000_000)])) as publisher,
        PoliteClient("toy_flows", replace(QUICK, answer=50), clock.clock) as client,
        pytest.raises(FetchFailed, match="the body took longer than 50 s"),
    ):
        client.ask(Request(publisher.url), take)


def test_nobody_there_is_a_message() -> None:
    with publishing(in_turn([Said()])) as publisher:
        pass
    with pytest.raises(FetchFailed, match=r"the connection failed \(ConnectError"):
        ask(publisher.url, FakeClock())


def test_gzip_is_unpacked_and_its_size_is_bounded() -> None:
    bomb = packed(Said(body=b"0" * 50_000_000))
    assert len(bomb.body) < 100_000
    with publishing(in_turn([packed(Said(body=b"hello")), bomb])) as publisher:
        assert ask(publisher.url, FakeClock()) == b"hello"
        assert publisher.asked[0].headers["accept-encoding"] == "gzip"
        with pytest.raises(HostileInput, match="more than 10000000 bytes"):
            ask(publisher.url, FakeClock())


def test_broken_gzip_is_asked_for_again() -> None:
    broken = Said(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    with publishing(in_turn([broken, Said(body=b"good")])) as publisher:
        assert ask(publisher.url, FakeClock()) == b"good"


def test_redirects_are_followed_a_few_times() -> None:
    answers = [Said(302, headers={"Location": "/there?a=1"}), Said(body=b"good")]
    with publishing(in_turn(answers)) as publisher:
        assert ask(publisher.url + "/here", FakeClock()) == b"good"
        assert publisher.asked[1].path == "/there"
    with (
        publishing(in_turn([Said(301, headers={"Location": "/round"})])) as publisher,
        pytest.raises(FetchFailed, match="redirects more than 5 times"),
    ):
        ask(publisher.url, FakeClock())


@pytest.mark.parametrize("target", ["ftp://example.org/x", "file:///etc/passwd", "gopher:x"])
def test_redirects_to_anything_but_http_are_refused(target: str) -> None:
    with (
        publishing(in_turn([Said(302, headers={"Location": target})])) as publisher,
        pytest.raises(FetchFailed, match="toy_flows: "),
    ):
        ask(publisher.url, FakeClock())
    assert len(publisher.asked) == 1


@pytest.mark.parametrize(
    "url", ["ftp://example.org/x", "file:///etc/passwd", "nothing", "http://[::1"]
)
def test_addresses_other_than_http_are_a_message(url: str) -> None:
    with pytest.raises(FetchFailed, match="only http and https"):
        ask(url, FakeClock())


def test_a_secret_header_goes_to_its_own_origin_only() -> None:
    with publishing(in_turn([Said(body=b"good")])) as other:
        moved = Said(302, headers={"Location": f"{other.url}/x"})
        with (
            publishing(in_turn([moved])) as publisher,
            PoliteClient("toy_flows", QUICK) as client,
        ):
            asked = Request(publisher.url, secret={"X-Key": SecretStr(KEY)})
            assert client.ask(asked, take_all(client)) == b"good"
            assert KEY not in repr(asked)
    assert publisher.asked[0].headers["x-key"] == KEY
    assert "x-key" not in other.asked[0].headers


def test_a_secret_that_the_publisher_sends_back_is_in_no_message() -> None:
    def refuse(response: httpx.Response) -> None:
        raise FetchFailed(f"it said {client.words(response)}")

    with (
        publishing(lambda asked: Said(400, asked.headers["x-key"].encode())) as publisher,
        PoliteClient("toy_flows", QUICK) as client,
        pytest.raises(FetchFailed) as caught,
    ):
        client.ask(Request(publisher.url, secret={"X-Key": SecretStr(KEY)}), refuse)
    assert str(caught.value) == "it said ***"
    assert caught.value.__cause__ is None


def test_messages_show_an_address_without_what_may_be_secret() -> None:
    assert shown("https://me:word@example.org:8443/a/b?sig=123#x") == "https://example.org:8443/a/b"


def test_a_taker_may_ask_for_another_attempt_at_once() -> None:
    clock = FakeClock()

    def take(_: httpx.Response) -> bytes:
        if len(publisher.asked) == 1:
            raise TryAgain("not yet", 0)
        return b"good"

    with (
        publishing(in_turn([Said(body=b"x")])) as publisher,
        PoliteClient("toy_flows", QUICK, clock.clock) as client,
    ):
        assert client.ask(Request(publisher.url), take) == b"good"
    assert clock.slept == [0]


def test_proxies_of_the_environment_are_not_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with publishing(in_turn([Said(body=b"good")])) as publisher:
        assert ask(publisher.url, FakeClock()) == b"good"


def test_errors_of_the_taker_are_not_retried(tmp_path: Path) -> None:
    def take(_: httpx.Response) -> bytes:
        return (tmp_path / "missing").read_bytes()

    with (
        publishing(in_turn([Said(body=b"x")])) as publisher,
        PoliteClient("toy_flows", QUICK) as client,
        pytest.raises(FileNotFoundError),
    ):
        client.ask(Request(publisher.url), take)
    assert len(publisher.asked) == 1


def test_what_is_asked_is_asked_once(tmp_path: Path) -> None:
    seen: list[Asked] = []
    with publishing(lambda asked: seen.append(asked) or Said(body=b"x")) as publisher:  # type: ignore[func-returns-value]
        ask(f"{publisher.url}/a?b=c%2Cd", FakeClock())
    assert [(one.path, dict(one.query)) for one in seen] == [("/a", {"b": "c,d"})]
