"""What is measured of streams, with a real broker on loopback: ours, and a bare loop.

``python -m bench.streams NAME SPEC`` runs one variant in a process of its own, as
``bench.variants`` does. The broker and the messages are there before the clock starts.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.variants import Measured, Spec, Variant
from tests.streams.broker import DATASET, Broker, declaration, running_broker, topic

PARTITIONS = 3
PAYLOAD_BYTES = 1_000


@contextmanager
def broker_with(count: int) -> Iterator[Broker]:
    """A broker in memory that holds ``count`` declarations of 1 kB."""
    with (
        tempfile.TemporaryDirectory(prefix="dvina-bench-") as folder,
        running_broker(Path(folder)) as broker,
    ):
        broker.make_topic(topic(), PARTITIONS)
        producer = broker.producer()
        for number in range(count):
            _produce(producer, number)
            if number % 1_000 == 0:
                producer.poll(0)
        assert producer.flush(120) == 0
        yield broker


def limit_stream(spec: Spec, out: Measured) -> None:
    """Consume every message and parse its JSON, nothing else; ``client`` is how it is set."""
    from confluent_kafka import Consumer, TopicPartition

    told = {"bootstrap.servers": spec["brokers"], "group.id": f"bare-{os.getpid()}"}
    consumer = Consumer(told | spec.get("client", {}))
    consumer.assign([TopicPartition(topic(), p, 0) for p in range(PARTITIONS)])
    messages = consumer.consume(1, timeout=30)
    begun, cpu = time.perf_counter(), time.process_time()
    count = len(messages)
    while count < spec["count"]:
        for message in consumer.consume(10_000, timeout=1):
            json.loads(message.value())
            count += 1
    out.seconds, out.cpu = time.perf_counter() - begun, time.process_time() - cpu
    consumer.close()


def ours_stream(spec: Spec, out: Measured) -> None:
    """The service from the first message to the last commit: contract, gate, ledger and all."""
    begun = time.perf_counter()
    service, flow = _service(spec)
    out.import_s = time.perf_counter() - begun
    first = _note_first_message()
    thread = threading.Thread(target=service.run, kwargs={"told": False})
    thread.start()
    while flow.rows_committed < spec["count"] and thread.is_alive():
        time.sleep(0.005)
    out.seconds = time.perf_counter() - first[0][0]
    out.cpu = time.process_time() - first[0][1]
    service.stop()
    thread.join()
    assert flow.rows_committed == spec["count"], flow.describe()


def ours_latency(spec: Spec, out: Measured) -> None:
    """Milliseconds from a message's production to its commit, at a steady rate."""
    begun = time.perf_counter()
    service, flow = _service(spec)
    out.import_s = time.perf_counter() - begun
    times = _note_latencies(flow)
    thread = threading.Thread(target=service.run, kwargs={"told": False})
    thread.start()
    while not flow.reads and thread.is_alive():
        time.sleep(0.05)
    with _producing(spec), _building(spec) if spec.get("builds") else _nothing():
        time.sleep(spec["seconds"])
    deadline = time.monotonic() + 30
    while not flow.caught_up and time.monotonic() < deadline:
        time.sleep(0.1)
    service.stop()
    thread.join()
    all_of_them = np.concatenate(times)
    settled = all_of_them[len(all_of_them) // 10 :]  # the first second includes making the tables
    out.seconds = float(np.quantile(settled, 0.99))
    out.facts = {
        "p50_s": float(np.quantile(settled, 0.5)),
        "max_s": float(settled.max()),
        "messages": len(all_of_them),
    }


def ours_published(spec: Spec, out: Measured) -> None:
    """Seconds from a message's production to the first published version that has its row.

    Builds follow one another in a process of their own, each of what changed.
    """
    begun = time.perf_counter()
    service, flow = _service(spec)
    out.import_s = time.perf_counter() - begun
    produced = _note_produced()
    thread = threading.Thread(target=service.run, kwargs={"told": False})
    thread.start()
    while not flow.reads and thread.is_alive():
        time.sleep(0.05)
    home, waited = Path(spec["home"]), list[np.ndarray]()
    published = dict[str, float]()
    with _building(spec):
        while not (home / "published" / "current").exists():  # the first one makes everything
            time.sleep(0.1)
        with _producing(spec):
            ends = time.monotonic() + spec["seconds"]
            while time.monotonic() < ends:
                time.sleep(0.1)
                _look_at_published(home, published)
    service.stop()
    thread.join()
    for origin, moment in published.items():
        if origin in produced:
            waited.append(moment - produced[origin])
    all_of_them = np.concatenate(waited)
    out.seconds = float(np.quantile(all_of_them, 0.95))
    out.facts = {
        "p50_s": float(np.quantile(all_of_them, 0.5)),
        "max_s": float(all_of_them.max()),
        "messages": len(all_of_them),
        "versions": len(set(published.values())),
    }


def _look_at_published(home: Path, published: dict[str, float]) -> None:
    """Note of each micro-batch when it was first seen in a published version."""
    import duckdb

    path = home / "published" / "current" / "dvina.duckdb"
    if not path.exists():
        return
    with duckdb.connect(path.resolve(), read_only=True) as reader:
        now = time.time()
        for (origin,) in reader.execute(
            "select origin from ops.loads where dataset = ?", [DATASET]
        ).fetchall():
            published.setdefault(origin, now)


def produce(brokers: str, rate: int, seconds: float) -> None:
    """Send declarations at a steady rate."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5})
    began, sent = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        for _ in range(int((time.monotonic() - began) * rate) - sent):
            _produce(producer, sent)
            sent += 1
        producer.poll(0.002)
    producer.flush(60)


def _produce(producer: Any, number: int) -> None:
    entry = declaration(number)
    text = json.dumps({**entry, "remarks": ""})
    payload = f'{text[:-2]}{"x" * (PAYLOAD_BYTES - len(text))}"}}'
    producer.produce(topic(), payload, key=entry["declaration_id"])


def _service(spec: Spec) -> tuple[Any, Any]:
    from dvina.settings import Settings
    from dvina.streaming.service import Service
    from expectations.gate import warm

    warm()
    settings = Settings(
        home=Path(spec["home"]), brokers=spec["brokers"], stream_group=f"ours-{os.getpid()}",
        stream_port=0, lock_wait_s=120,
    )  # fmt: skip
    service = Service(settings, [DATASET])
    return service, service.flows[0]


def _note_first_message() -> list[tuple[float, float]]:
    from ingest.streams.topics import TopicReader

    first: list[tuple[float, float]] = []
    poll = TopicReader.poll

    def noted(self: Any, *arguments: Any) -> int:
        came = poll(self, *arguments)
        if came and not first:
            first.append((time.perf_counter(), time.process_time()))
        return came

    TopicReader.poll = noted  # type: ignore[method-assign]
    return first


def _note_produced() -> dict[str, np.ndarray]:
    """Name of each micro-batch -> when its messages were produced, filled while it reads."""
    from ingest.streams.topics import TopicReader

    produced: dict[str, np.ndarray] = {}
    take = TopicReader.take

    def taken(self: Any, **named: Any) -> Any:
        stamps = np.array([m.timestamp()[1] for m in self._held]) / 1000
        messages = take(self, **named)
        if messages is not None:
            produced[messages.part.name] = stamps
        return messages

    TopicReader.take = taken  # type: ignore[method-assign]
    return produced


def _note_latencies(flow: Any) -> list[np.ndarray]:
    produced, decided = _note_produced(), flow._note_decided
    times: list[np.ndarray] = []

    def noted(reader: Any, batch: Any, at: float) -> None:
        times.append(at - produced.pop(batch.landed.manifest.origin))
        decided(reader, batch, at)

    flow._note_decided = noted
    return times


@contextmanager
def _producing(spec: Spec) -> Iterator[None]:
    given = json.dumps({"brokers": spec["brokers"], "rate": spec["rate"], "for": spec["seconds"]})
    child = subprocess.Popen([sys.executable, "-m", "bench.streams", "produce", given])
    try:
        yield
    finally:
        child.wait(60)


@contextmanager
def _building(spec: Spec) -> Iterator[None]:
    """Builds back to back in a process of their own."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom dvina.build import build_and_publish\n"
        "from dvina.settings import Settings\nwhile True:\n"
        "    build_and_publish(Settings(home=Path(sys.argv[1])), force=sys.argv[2] == 'all')\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, spec["home"], spec["builds"]])
    try:
        yield
    finally:
        child.kill()
        child.wait()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


VARIANTS: dict[str, Variant] = {
    f.__name__: f for f in (limit_stream, ours_stream, ours_latency, ours_published)
}


def main(name: str, spec_text: str) -> None:
    """Run one variant and print what was measured as the last line."""
    spec = json.loads(spec_text)
    if name == "produce":
        produce(spec["brokers"], spec["rate"], spec["for"])
        return
    out = Measured()
    VARIANTS[name](spec, out)
    print(json.dumps(asdict(out)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
