"""A feed of made-up declarations in the shape of ``customs_declarations``, at a set rate.

For demonstrations and soak tests. Every message says ``is_synthetic: true``, and the marts never
mix such rows with real ones. Some are amended or cancelled later, a few come twice, and a small
share is broken, as feeds are. The seed decides all of it; only the times are those of now.
"""

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from ingest.contract import load_contract
from ingest.streams.client import configuration

DATASET = "customs_declarations"
_COUNTRIES = ("BLR", "RUS", "DEU", "POL", "CHN", "KAZ")
_HEADINGS = ("0402", "2709", "3102", "3901", "4407", "7208", "8429", "8471", "8528", "8701", "8703")
_PROCEDURES = {"X": "10", "M": "40"}
_MEMORY = 2_000  # declarations that may still be amended
_AMENDED, _REPEATED, _BROKEN = 0.05, 0.005, 0.002


def declarations(seed: int) -> Iterator[dict[str, Any]]:
    """Made-up declarations without end: new ones, later versions of earlier ones."""
    dice, number, known = random.Random(seed), 0, deque[dict[str, Any]](maxlen=_MEMORY)
    run = f"{seed % 1000:03d}{int(time.time()) % 10**8:08d}"
    while True:
        if known and dice.random() < _AMENDED:
            former = dice.choice(known)
            status = "cancelled" if dice.random() < 0.1 else "amended"
            value = round(former["value_usd"] * dice.uniform(0.9, 1.1), 2)
            entry = {**former, "version": former["version"] + 1, "status": status}
            entry = {**entry, "value_usd": value, "registered_at": _now()}
            known[known.index(former)] = entry
        else:
            number += 1
            entry = _declaration(dice, f"SYN/{run}/{number:08d}")
            known.append(entry)
        yield entry


def simulate(
    brokers: str,
    rate: float,
    seconds: float | None,
    seed: int,
    stops: Callable[[], bool] = lambda: False,
) -> int:
    """Send ``rate`` messages a second; gives how many the broker took.

    Makes the topic with three partitions where it is missing. Raises KafkaException.
    """
    stream = load_contract(DATASET).stream
    assert stream is not None
    _make_topic(brokers, stream.topic)
    producer = Producer(configuration(brokers, **{"linger.ms": 20, "enable.idempotence": False}))
    dice, feed, taken = random.Random(seed + 1), declarations(seed), 0

    def count(error: Any, _: Any) -> None:
        nonlocal taken
        taken += error is None

    began, sent = time.monotonic(), 0
    while not stops() and (seconds is None or time.monotonic() - began < seconds):
        due = int((time.monotonic() - began) * rate) - sent
        for _ in range(due):
            entry = next(feed)
            payload = json.dumps(entry)
            if dice.random() < _BROKEN:
                payload = payload[: len(payload) // 2]
            for _ in range(2 if dice.random() < _REPEATED else 1):
                producer.produce(
                    stream.topic, payload, key=entry["declaration_id"], on_delivery=count
                )
        sent += due
        producer.poll(0.01)
    producer.flush(30)
    return taken


def _declaration(dice: random.Random, name: str) -> dict[str, Any]:
    flow = dice.choice("XM")
    reporter, partner = dice.sample(_COUNTRIES, 2)
    weight = round(dice.lognormvariate(7, 1.5), 3)
    return {
        "declaration_id": name,
        "item_number": dice.randint(1, 9),
        "version": 1,
        "status": "registered",
        "registered_at": _now(),
        "reporter": reporter,
        "partner": partner,
        "flow": flow,
        "procedure": _PROCEDURES[flow],
        "office": f"{dice.randint(10_000_000, 10_999_999)}",
        "commodity": dice.choice(_HEADINGS) + f"{dice.randint(0, 999_999):06d}",
        "value_usd": round(weight * dice.uniform(0.5, 40), 2),
        "net_weight_kg": weight,
        "is_synthetic": True,
    }


def _make_topic(brokers: str, topic: str) -> None:
    admin = AdminClient(configuration(brokers))
    if topic not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(topic, 3, 1)])[topic].result()


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
