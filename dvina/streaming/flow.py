"""One dataset's stream: reads its topic, closes micro-batches, follows each to its decision.

The reading thread gathers messages and never waits for the lock. Two threads beside it land and
judge, each one batch at a time, so memory is bounded by three batches. A batch that another
consumer overtook sends the reading back to the committed position; nothing else is needed to stay
exact, because the commit compares and sets.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import KafkaException

from dvina.pipeline import commit
from dvina.settings import Settings
from dvina.streaming.batches import Batch, age, judge, land
from dvina.streaming.metrics import Metrics
from expectations.gate import warm
from ingest.contract import Contract
from ingest.errors import StorageFailed
from ingest.landing import Landed
from ingest.streams.topics import Standing, TopicReader
from warehouse import positions
from warehouse.database import open_warehouse
from warehouse.errors import LockTimeout, WarehouseError
from warehouse.lock import writer_lock
from warehouse.seal import Sealer

_log = logging.getLogger(__name__)
_MOST_AT_ONCE = 10_000
_POLL_S, _LEAST_POLL_S = 0.05, 0.002
_LOOK_S = 0.05
_PLACES = 2  # one batch is landed, another judged
_LOCK_S = 2.0  # for reading the position; else what was noted aside will do
_LAST_S = 8.0  # for what was read, when the service stops
_IDLE_S = 1.0


@dataclass
class _Landing:
    """A batch between the reader and its verdict."""

    future: "Future[Landed]"
    generation: int
    read_at: float
    newest_at: float


class Flow:
    """Runs in a thread of its own until ``stop``; ``beat`` tells when it last turned over."""

    def __init__(
        self,
        settings: Settings,
        contract: Contract,
        metrics: Metrics,
        wake_committer: Callable[[], None],
    ) -> None:
        assert contract.stream is not None
        self.contract, self.stream = contract, contract.stream
        self.beat: float | None = None  # None until it has begun
        self.caught_up = False
        self.rows_committed = 0
        self.troubles: tuple[str, ...] = ()
        self.reads = False
        self._settings, self._metrics, self._wake = settings, metrics, wake_committer
        self._reader: TopicReader | None = None
        self._lander = ThreadPoolExecutor(1, thread_name_prefix="dvina-land")
        self._sealer = Sealer()  # the lander's
        self._judge = ThreadPoolExecutor(1, thread_name_prefix="dvina-judge")
        self._landing: deque[_Landing] = deque()
        self._waiting: deque[Batch] = deque()
        self._read_at = self._looked = 0.0
        self._committed: dict[int, int] = {}

    def run(self, stops: Callable[[], bool], drains: Callable[[], bool] = lambda: False) -> None:
        """Read until told to stop, or until the topic is drained where that is asked for."""
        warm()
        reader = self._reader = TopicReader(
            self._settings.brokers,
            self._settings.stream_group,
            self.stream.topic,
            self._stands,
            self._settings.stream_session_ms,
        )
        try:
            idle_since = time.time()
            while not stops():
                try:
                    came = self._turn(reader)
                except (KafkaException, StorageFailed, WarehouseError, OSError) as error:
                    _log.error("%s: %s", self.stream.topic, error)
                    time.sleep(_IDLE_S)
                    came = 0
                busy = came or self._landing or self._waiting or reader.held or not self.reads
                idle_since = time.time() if busy else idle_since
                self.caught_up = age(idle_since) > _IDLE_S and reader.is_at_end()
                if drains() and (self.caught_up or (reader.troubles and not reader.assigned)):
                    break
            self._finish(reader)
        finally:
            reader.close()
            self._lander.shutdown(cancel_futures=True)
            self._sealer.close()
            self._judge.shutdown(cancel_futures=True)

    def _turn(self, reader: TopicReader) -> int:
        """Read a little, hand over what is due, look after what was handed over."""
        self.beat = time.time()
        came = 0
        if self._may_read(reader):
            came = reader.poll(_MOST_AT_ONCE, self._until_due(reader))
        else:
            reader.pause(on=True)
            came = reader.poll(1, _POLL_S)
            reader.pause(on=False)
        if came and not self._read_at:
            self._read_at = time.time()
        if not reader.held:
            self._read_at = 0.0
        if self._is_due(reader) and len(self._landing) < _PLACES:
            self._hand_over(reader)
        self._look_after(reader)
        self.troubles = tuple(reader.troubles.values())
        self.reads = bool(reader.assigned)
        return came

    def describe(self) -> str:
        """Where it stands, in words."""
        reader = self._reader
        if reader is None:
            return f"{self.stream.topic}: not begun"
        return (
            f"{self.stream.topic}: reads {reader.assigned}, ends {reader.ends()}, "
            f"{reader.held} held, {len(self._landing)} landing, {len(self._waiting)} waiting, "
            f"stopped {reader.troubles}"
        )

    def _may_read(self, reader: TopicReader) -> bool:
        full = reader.held >= 2 * self.stream.batch_messages
        crowded = len(self._waiting) >= self._settings.stream_most_waiting
        return not (full or crowded)

    def _is_due(self, reader: TopicReader) -> bool:
        if not reader.held:
            return False
        return (
            age(self._read_at) >= self.stream.batch_age_s
            or reader.held >= self.stream.batch_messages
            or reader.held_bytes() >= self.stream.batch_bytes
        )

    def _until_due(self, reader: TopicReader) -> float:
        """Seconds to wait for messages at most, so that no batch waits longer than it should."""
        if not reader.held or len(self._landing) >= _PLACES:
            return _POLL_S
        return min(max(self.stream.batch_age_s - age(self._read_at), _LEAST_POLL_S), _POLL_S)

    def _hand_over(self, reader: TopicReader) -> None:
        newest = reader.newest_at()
        messages = reader.take(with_keys=self.stream.key is not None)
        if messages is None:
            return
        landing = self._lander.submit(land, self._settings, self.contract, messages, self._sealer)
        judging = self._judge.submit(self._judged, landing)
        self._landing.append(_Landing(judging, reader.generation, self._read_at, newest))
        self._read_at = 0.0

    def _judged(self, landing: "Future[Landed]") -> Landed:
        landed = landing.result()
        judge(self.contract, landed)
        self._wake()
        return landed

    def _look_after(self, reader: TopicReader) -> None:
        while self._landing and self._landing[0].future.done():
            done = self._landing.popleft()
            if done.generation != reader.generation:
                continue  # the commit decides about it
            try:
                landed = done.future.result()
            except Exception:
                self._start_over(reader)
                raise
            self._waiting.append(Batch(landed, done.generation, done.read_at, done.newest_at))
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        while self._waiting:
            batch, home = self._waiting[0], self._settings.home
            decided_at = batch.decided_at(home)
            if decided_at is None and not batch.is_gone(home):
                break
            self._waiting.popleft()
            if decided_at is not None:
                self._note_decided(reader, batch, decided_at)
            elif batch.generation == reader.generation:
                _log.warning("%s was overtaken: read again", batch.landed.manifest.origin)
                self._metrics.overtaken.labels(self.contract.dataset).inc()
                self._start_over(reader)
        self._metrics.waiting.labels(self.contract.dataset).set(len(self._waiting))
        self._tell_positions(reader)

    def _start_over(self, reader: TopicReader) -> None:
        self._waiting.clear()
        self._landing.clear()
        self._read_at = 0.0
        reader.read_again()

    def _note_decided(self, reader: TopicReader, batch: Batch, at: float) -> None:
        m, name = batch.landed.manifest, self.contract.dataset
        self.rows_committed += m.rows_landed
        self._metrics.rows.labels(name).inc(m.rows_landed)
        self._metrics.quarantined.labels(name).inc(m.rows_quarantined)
        self._metrics.latency.labels(name).observe(at - batch.read_at)
        self._metrics.newest.labels(name).set(batch.newest_at)
        self._committed |= batch.following
        reader.show_committed(batch.following)

    def _tell_positions(self, reader: TopicReader) -> None:
        name, topic = self.contract.dataset, self.stream.topic
        ends = reader.ends()
        for partition in reader.assigned:
            at = self._committed.get(partition)
            if at is not None:
                self._metrics.position.labels(name, topic, partition).set(at)
                self._metrics.lag.labels(name, topic, partition).set(ends.get(partition, at) - at)
        for partition in {*reader.assigned, *reader.troubles}:
            stopped = partition in reader.troubles
            self._metrics.stopped.labels(name, topic, partition).set(int(stopped))

    def _finish(self, reader: TopicReader) -> None:
        """Wait a little for what was handed over; what was only read is read again later."""
        until = time.monotonic() + _LAST_S
        while (self._landing or self._waiting) and time.monotonic() < until:
            with suppress(KafkaException, StorageFailed, WarehouseError):
                self._look_after(reader)
            time.sleep(_POLL_S)

    def _stands(self) -> Standing:
        """Where the topic stands: by the warehouse, or, while it is busy, by what was noted."""
        settings, name = self._settings, self.contract.dataset
        try:
            commit(settings, _LOCK_S)
            with writer_lock(settings.home, _LOCK_S), open_warehouse(settings.home) as connection:
                told = positions.standing(connection, name)
        except LockTimeout:
            told = positions.noted(settings.home, name)
        entry = told.get(self.stream.topic)
        if entry is None:
            return Standing()
        following = {int(partition): offset for partition, offset in entry["next"].items()}
        self._committed = dict(following)
        return Standing(entry["epoch"], entry["topic_id"], following)
