"""How a broker is spoken to, and how it names a topic."""

import logging
import os
import time
from typing import Any

_QUIET_S = 30.0
_told: dict[int, float] = {}  # code of an error -> when it was told last
_log = logging.getLogger(__name__)
_PREFIX = "DVINA_KAFKA_"  # DVINA_KAFKA_SASL_PASSWORD becomes sasl.password
_NO_ID = "A" * 22


def configuration(brokers: str, **more: Any) -> dict[str, Any]:
    """What librdkafka is told; ``DVINA_KAFKA_*`` variables carry security and secrets."""
    told = {
        name.removeprefix(_PREFIX).lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith(_PREFIX)
    }
    # What it would print goes to our log, errors only.
    return {
        "bootstrap.servers": brokers, "log_level": 2, "error_cb": _note_error, **more, **told
    }  # fmt: skip


def _note_error(error: Any) -> None:
    """Say what the client met, each kind now and then: it tries again many times a second."""
    now = time.monotonic()
    if now - _told.get(error.code(), -_QUIET_S) >= _QUIET_S:
        _told[error.code()] = now
        _log.warning("the broker: %s", error.str())


def id_of(description: Any) -> str:
    """The broker's name of a topic as it was described; empty where it tells none."""
    name = str(description.topic_id)
    return "" if name == _NO_ID else name
