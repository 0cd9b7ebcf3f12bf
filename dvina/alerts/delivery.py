"""Sends what lies in the outbox through apprise; what could not be sent stays and is tried again.

The address of a route is a secret: it is read from ``DVINA_ALERT_URL_<ROUTE>`` at the moment of
sending, and stands in no file, message or log.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import Timeout

from dvina.alerts import store

URL_VARIABLE = "DVINA_ALERT_URL_"
MOST_ATTEMPTS_APART = timedelta(hours=1)
WORRYING = 3  # attempts after which a failure must be looked at


def addresses(route: str) -> tuple[str, ...]:
    """The secret addresses of a route, which are separated by blanks; none where it is not set."""
    return tuple(os.environ.get(f"{URL_VARIABLE}{route.upper()}", "").split())


def flush(home: Path, now: datetime) -> tuple[int, int]:
    """Send what is due; returns how many messages were delivered and how many are left.

    One process sends at a time; another leaves its messages to it.
    """
    sent = 0
    with suppress(Timeout), store.sending(home):
        while due := [m for m in store.messages(home) if _is_due(m, now)]:
            for message in due:
                trouble = send(message)
                if trouble is None:
                    store.delivered(home, message)
                    sent += 1
                else:
                    store.put_message(home, _put_off(message, trouble, now))
    return sent, len(store.messages(home))


def send(message: dict[str, Any]) -> str | None:
    """Send one message to its address; returns what went wrong, without secrets."""
    urls = addresses(message["route"])
    if len(urls) <= message["at"]:
        return f"{URL_VARIABLE}{str(message['route']).upper()} is not set"
    with _silence():
        import apprise

        box = apprise.Apprise()
        if not box.add(urls[message["at"]]):
            return "an address of the route is no address that apprise knows"
        failed = [server for server in box if not _notify(apprise, server, message)]
    kinds = sorted({type(server).__name__.removeprefix("Notify") for server in failed})
    return f"{', '.join(kinds)} did not take the message" if failed else None


def _is_due(message: dict[str, Any], now: datetime) -> bool:
    return str(message.get("next_try_at", "")) <= now.isoformat(timespec="seconds")


def _notify(apprise: Any, server: Any, message: dict[str, Any]) -> bool:
    takes = server.notify_format  # one format, or several of which the first is liked best
    html = (takes[0] if isinstance(takes, tuple) else takes) == apprise.NotifyFormat.HTML
    alone = apprise.Apprise()
    alone.add(server)
    kind = {"resolved": "success", "stop": "failure"}.get(str(message["mood"]), "warning")
    try:
        return bool(
            alone.notify(
                title=message["title"],
                body=message["html"] if html else message["text"],
                body_format=apprise.NotifyFormat.HTML if html else apprise.NotifyFormat.TEXT,
                notify_type=kind,
            )
        )
    except Exception:  # its text may hold an address; that it failed is kept and tried again
        return False


def _put_off(message: dict[str, Any], trouble: str, now: datetime) -> dict[str, Any]:
    attempts = int(message.get("attempts", 0)) + 1
    wait = min(timedelta(minutes=2 ** min(attempts, 10)), MOST_ATTEMPTS_APART)
    later = (now + wait).isoformat(timespec="seconds")
    return {**message, "attempts": attempts, "last_error": trouble, "next_try_at": later}


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing of apprise reaches a handler: it may name an address."""
    logger = logging.getLogger("apprise")
    level, propagate = logger.level, logger.propagate
    logger.propagate, logger.level = False, logging.CRITICAL + 1
    try:
        yield
    finally:
        logger.propagate, logger.level = propagate, level
