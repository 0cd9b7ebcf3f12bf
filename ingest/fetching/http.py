"""A polite HTTP client: it names itself, keeps a pace per host, and waits when told to.

Asked again are: 408, 429, 5xx, cut connections and silence, with growing waits or after as long as
``Retry-After`` says, within a bounded number of attempts and of seconds waited. Redirects are
followed a few times, to http and https only and never from https to http. Secret headers go to
the first address's own origin and to no other; they are in no message. One thread at a time.
"""

import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from ingest.errors import HostileInput, IngestError
from ingest.fetching.errors import FetchFailed, TryAgain

T = TypeVar("T")
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK = 256 * 1024
WORDS = 64 * 1024  # of an error's body, no more is read
# Azure API Management says it in words: "Rate limit is exceeded. Try again in 26 seconds."
_IN_WORDS = re.compile(r"try again in (\d+) second", re.IGNORECASE)
_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


@dataclass(frozen=True)
class Manners:
    """How a publisher is asked; times in seconds."""

    pause: float = 1.0  # at least so long between the beginnings of two requests to a host
    attempts: int = 6
    first_wait: float = 2.0  # doubles with each attempt
    longest_wait: float = 60.0  # of our own choice; a publisher may ask for longer
    total_wait: float = 600.0  # whoever asks us to wait longer is asked another day
    connect: float = 20.0
    read: float = 60.0  # of silence
    answer: float = 3600.0  # for a whole body
    redirects: int = 5
    contact: str = ""  # an address of the operator, for the publisher to complain to


@dataclass(frozen=True)
class Clock:
    """Time, so that tests need not wait."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Request:
    """What is asked: headers are made anew for each attempt, ``secret`` ones are shown nowhere."""

    url: str
    headers: Callable[[], Mapping[str, str]] = dict
    secret: Mapping[str, SecretStr] = field(default_factory=dict)


class PoliteClient:
    """Asks publishers for one dataset; close it, or use it in a ``with``."""

    def __init__(
        self, dataset: str, manners: Manners | None = None, clock: Clock | None = None
    ) -> None:
        self.dataset = dataset
        self._manners = manners or Manners()
        self._clock = clock or Clock()
        self._turns: dict[str, float] = {}  # host -> when it may be asked again
        self._http = httpx.Client(
            headers={"user-agent": user_agent(self._manners.contact), "accept-encoding": "gzip"},
            verify=_trusted(),
            timeout=httpx.Timeout(self._manners.read, connect=self._manners.connect),
            mounts=dict.fromkeys(_LOOPBACK),  # proxies of the environment are not for this machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, request: Request, take: Callable[[httpx.Response], T]) -> T:
        """What ``take`` makes of the answer; it reads the body, and may be called several times.

        It gets every answer that is neither a redirect nor worth another attempt, errors such as
        404 among them, and may raise TryAgain. Raises FetchFailed.
        """
        manners = self._manners
        attempts = Retrying(
            retry=retry_if_exception_type(TryAgain),
            stop=lambda state: stop_after_attempt(manners.attempts)(state) or self._is_late(state),
            wait=self._wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        with _hiding(request.secret):
            try:
                taken: T = attempts(self._once, request, take)
            except TryAgain as last:
                raise FetchFailed(self._gave_up(request, last, attempts)) from None
            return taken

    def body(self, response: httpx.Response, max_bytes: int) -> Iterator[bytes]:
        """The decoded body in pieces; raises HostileInput beyond the bound, TryAgain when slow."""
        begun, size = self._clock.monotonic(), 0
        for piece in response.iter_bytes(CHUNK):
            size += len(piece)
            if size > max_bytes:
                raise HostileInput(
                    f"{self.dataset}: {shown(str(response.url))} sent more than {max_bytes} bytes. "
                    "Raise the bound if it may be so large."
                )
            if self._clock.monotonic() - begun > self._manners.answer:
                raise TryAgain(f"the body took longer than {self._manners.answer:.0f} s")
            yield piece

    def words(self, response: httpx.Response) -> str:
        """The beginning of an error's body, as text for a message."""
        read = bytearray()
        for piece in response.iter_bytes(CHUNK):
            read += piece
            if len(read) >= WORDS:
                break
        return read[:WORDS].decode("utf-8", "replace").strip()

    def _once(self, request: Request, take: Callable[[httpx.Response], T]) -> T:
        try:
            with self._opened(request) as response:
                if response.status_code in AGAIN:
                    raise self._again(response)
                return take(response)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise FetchFailed(
                f"{self.dataset}: {shown(request.url)} cannot be asked: only http and https are."
            ) from error
        except httpx.TimeoutException as error:
            raise TryAgain(f"nothing came within {self._manners.read:.0f} s") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise TryAgain(f"the connection failed ({type(error).__name__}: {error})") from error

    @contextmanager
    def _opened(self, request: Request) -> Iterator[httpx.Response]:
        """The answer after redirects, its body unread."""
        url, own = httpx.URL(request.url), _origin(httpx.URL(request.url))
        for _ in range(self._manners.redirects + 1):
            headers = dict(request.headers())
            if _origin(url) == own:
                headers |= {
                    name: value.get_secret_value() for name, value in request.secret.items()
                }
            self._take_turn(url.host)
            with self._http.stream("GET", url, headers=headers) as response:
                if response.status_code not in REDIRECTS:
                    yield response
                    return
                url = self._next_address(response)
        raise FetchFailed(
            f"{self.dataset}: {shown(request.url)} redirects more than "
            f"{self._manners.redirects} times. Ask for its final address."
        )

    def _next_address(self, response: httpx.Response) -> httpx.URL:
        here = response.url
        target = here.join(response.headers.get("location", ""))
        insecure = here.scheme == "https" and target.scheme != "https"
        if target.scheme not in ("http", "https") or not target.host or insecure:
            raise FetchFailed(
                f"{self.dataset}: {shown(str(here))} redirects to {shown(str(target))}, which is "
                "not followed. Ask its publisher for the right address."
            )
        return target

    def _take_turn(self, host: str) -> None:
        now = self._clock.monotonic()
        turn = max(self._turns.get(host, now), now)
        self._turns[host] = turn + self._manners.pause
        if turn > now:
            self._clock.sleep(turn - now)

    def _again(self, response: httpx.Response) -> TryAgain:
        words = self.words(response)
        told = retry_after(response.headers.get("retry-after", ""), self._clock.wall())
        if told is None and (match := _IN_WORDS.search(words)):
            told = float(match[1])
        return TryAgain(f"it answered {status_words(response)}", told)

    def _wait(self, state: RetryCallState) -> float:
        last = state.outcome.exception() if state.outcome else None
        if isinstance(last, TryAgain) and last.wait is not None:
            return last.wait
        first, longest = self._manners.first_wait, self._manners.longest_wait
        return wait_exponential_jitter(multiplier=first, max=longest, jitter=first / 4)(state)

    def _is_late(self, state: RetryCallState) -> bool:
        return state.idle_for + state.upcoming_sleep > self._manners.total_wait

    def _gave_up(self, request: Request, last: TryAgain, attempts: Retrying) -> str:
        tried = attempts.statistics["attempt_number"]
        told = f" and asks to wait {last.wait:.0f} s" if last.wait else ""
        return (
            f"{self.dataset}: {shown(request.url)} gave nothing usable in {tried} attempts: "
            f"{last.reason}{told}. Run again later."
        )


def user_agent(contact: str = "") -> str:
    """How we name ourselves to publishers."""
    try:
        number = version("dvina")
    except PackageNotFoundError:
        number = "0"
    return f"dvina/{number} (+{contact})" if contact else f"dvina/{number} (trade data platform)"


def shown(url: str) -> str:
    """An address as messages show it: without user, password and query, which may hold secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address"
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else f"{parts.scheme}:{parts.path}"


def status_words(response: httpx.Response) -> str:
    """A status and its standard meaning; the publisher's own phrase may say anything."""
    return f"{response.status_code} {httpx.codes.get_reason_phrase(response.status_code)}".strip()


def retry_after(value: str, now: float) -> float | None:
    """Seconds that a ``Retry-After`` header (RFC 9110, 10.2.3) asks for; None when it is none."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (TypeError, ValueError):
        return None


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # reading the authorities takes longer than a request


@contextmanager
def _hiding(secret: Mapping[str, SecretStr]) -> Iterator[None]:
    """Publishers may send a key back in their words: it is struck out of every message."""
    values = [value.get_secret_value() for value in secret.values()]
    try:
        yield
    except IngestError as error:
        words = str(error)
        for value in values:
            words = words.replace(value, "***")
        if words == str(error):
            raise
        raise type(error)(words) from None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
