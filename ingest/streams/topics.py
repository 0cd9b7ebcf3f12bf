"""Reads one topic as a member of a consumer group, from positions that the caller keeps.

The broker assigns partitions; where each begins is asked of the caller, never of the broker's
committed offsets, which are written for the display of lag only. What cannot be true (a broker
that stands before our position, another topic of the same name, messages that are gone) stops the
partition with words that say what to do.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka import TopicCollection as Topics
from confluent_kafka.admin import AdminClient

from ingest.streams.client import configuration, id_of
from ingest.streams.landing import Messages
from ingest.streams.positions import Span, StreamPart

_log = logging.getLogger(__name__)
_ASK_S = 10.0
_LOOK_S = 2.0
_FETCH = {
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 20,  # how long it rests when its queue is full: a second by default
    "queued.max.messages.kbytes": 32 * 1024,
    "queued.min.messages": 50_000,
    "topic.metadata.refresh.interval.ms": 30_000,  # a partition that was added is read so soon
}


@dataclass(frozen=True)
class Standing:
    """Where a topic stands for us: its epoch, its id, and the next offset per partition."""

    epoch: int = 1
    topic_id: str | None = None  # None: no message of it was committed yet
    following: dict[int, int] = field(default_factory=dict)


class TopicReader:
    """Messages of a topic's partitions that this member was given; used by one thread."""

    def __init__(
        self,
        brokers: str,
        group: str,
        topic: str,
        standing: Callable[[], Standing],
        session_ms: int = 6000,
    ) -> None:
        self.topic = topic
        self.troubles: dict[int, str] = {}  # stopped partitions and why; -1: the whole topic
        self.assigned: dict[int, int] = {}  # partition -> position that is read next
        self.generation = 0  # grows whenever what was read and not handed over is void
        self._standing = standing
        self._stands = Standing()
        self._topic_id = ""
        self._held: list[Message] = []
        self._not_begun: Sequence[TopicPartition] = ()
        self._looked = 0.0
        self._behind: dict[int, int] = {}  # partition -> how often the broker stood before us
        self._admin = AdminClient(configuration(brokers))
        self._consumer = Consumer(
            configuration(
                brokers,
                **_FETCH,
                **{
                    "group.id": group,
                    "enable.auto.commit": False,
                    "auto.offset.reset": "error",
                    "session.timeout.ms": session_ms,
                    "heartbeat.interval.ms": max(session_ms // 4, 200),
                    "partition.assignment.strategy": "range",
                    "max.poll.interval.ms": 300_000,
                },
            )
        )
        self._consumer.subscribe(
            [topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def poll(self, most: int, timeout_s: float) -> int:
        """Read on; gives how many messages came. Raises KafkaException while nothing helps."""
        if self._not_begun:
            self._begin(self._not_begun)
        before = self.generation
        messages = self._consumer.consume(most, timeout=timeout_s)
        if self.generation != before:
            # Some may be from before: all of them are fetched again from where we begin now.
            self._fetch_from_here()
            return 0
        if any(map(Message.error, messages)):
            stopped = len(self.troubles)
            messages = [m for m in messages if not self._is_trouble(m)]
            if len(self.troubles) > stopped:
                return 0  # the others are fetched again from what is held
        if self.troubles:
            messages = [m for m in messages if m.partition() in self.assigned]
        self._held += messages
        self._look_around()
        return len(messages)

    @property
    def held(self) -> int:
        """Messages that were read and not taken yet."""
        return len(self._held)

    def held_bytes(self) -> int:
        """Bytes of their payloads."""
        return sum(map(len, self._held))

    def newest_at(self) -> float:
        """When the newest message that is held was produced, in seconds since 1970."""
        return max((m.timestamp()[1] for m in self._held[-100:]), default=0) / 1000

    def take(self, *, with_keys: bool) -> Messages | None:
        """What was read since the last taking, as one micro-batch; None where nothing is sound.

        The topic's id is asked for first: as it is the one that the reading began with, no
        message is of another topic.
        """
        if (found := self._current_id()) != self._topic_id:
            self._stop(-1, _another_topic(found, self._topic_id))
        if not self._held:
            return None
        held, self._held = self._held, []
        partitions = np.fromiter(map(Message.partition, held), np.int64, len(held))
        offsets = np.fromiter(map(Message.offset, held), np.int64, len(held))
        spans = []
        for partition in np.unique(partitions).tolist():
            mine = offsets[partitions == partition]
            start, following = self.assigned[partition], int(mine[-1]) + 1
            if int(mine[0]) < start or not (np.diff(mine) > 0).all():
                _log.error("%s: offsets came out of order: read again", self.topic)
                self.read_again()
                return None
            spans.append(Span(partition, start, following))
            self.assigned[partition] = following
        payloads = list(map(Message.value, held))
        keys = list(map(Message.key, held)) if with_keys else []
        part = StreamPart(self.topic, self._topic_id, self._stands.epoch, tuple(spans))
        return Messages(part, payloads, partitions, offsets, keys, sum(map(len, held)))

    def read_again(self) -> None:
        """Go back to where the topic stands by now: what was handed over was overtaken."""
        if not self._not_begun and (self.assigned or self.troubles):
            partitions = sorted({*self.assigned, *(p for p in self.troubles if p >= 0)})
            self._begin([TopicPartition(self.topic, p) for p in partitions])

    def pause(self, *, on: bool) -> None:
        """Stop fetching, or go on, without leaving the group."""
        parts = [TopicPartition(self.topic, p) for p in self.assigned]
        (self._consumer.pause if on else self._consumer.resume)(parts)

    def show_committed(self, following: dict[int, int]) -> None:
        """Tell the broker how far we are; nothing depends on it."""
        mine = [
            TopicPartition(self.topic, p, o) for p, o in following.items() if p in self.assigned
        ]
        if mine:
            try:
                self._consumer.commit(offsets=mine, asynchronous=True)
            except KafkaException as error:
                _log.info("%s: lag is not shown: %s", self.topic, error)

    def ends(self) -> dict[int, int]:
        """Per assigned partition where the broker's log ends, as the last fetch told."""
        told = {}
        for partition in self.assigned:
            _, high = self._watermarks(partition, cached=True)
            if high >= 0:
                told[partition] = high
        return told

    def is_at_end(self) -> bool:
        """True when every partition that goes on was read to the end that the broker tells."""
        ends = self.ends()
        return len(ends) == len(self.assigned) and all(
            self.assigned[p] <= end <= self.assigned[p] + self._held_of(p)
            for p, end in ends.items()
        )

    def close(self) -> None:
        """Leave the group; what was not taken is read again by the next."""
        self._held = []
        self._consumer.close()

    def _held_of(self, partition: int) -> int:
        last = max((m.offset() for m in self._held if m.partition() == partition), default=-1)
        return last + 1 - self.assigned[partition] if last >= 0 else 0

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        try:
            self._begin(partitions)
        except Exception as error:  # the next poll tries again, where it may raise
            _log.warning("%s: cannot begin yet: %s", self.topic, error)
            consumer.assign([])

    def _on_revoke(self, consumer: Consumer, _: Sequence[TopicPartition]) -> None:
        # Nothing is handed over late: another member may read from here already.
        self._void()
        self._not_begun = ()
        consumer.unassign()

    def _begin(self, partitions: Sequence[TopicPartition]) -> None:
        self._void()
        self._not_begun = partitions  # nothing is polled until what follows has succeeded
        self._topic_id = self._current_id()
        self._stands = self._standing()
        if self._stands.topic_id not in (None, self._topic_id):
            self._not_begun = ()
            self._stop(-1, _another_topic(self._topic_id, str(self._stands.topic_id)))
            return
        for part in partitions:
            low, _ = self._watermarks(part.partition, cached=False)
            at = self._stands.following.get(part.partition, low)
            self.assigned[part.partition] = at
            if at < low:
                self._stop(
                    part.partition,
                    f"messages {at} to {low - 1} are gone at the broker before they were read",
                )
        self._not_begun = ()
        self._fetch_from_here()

    def _void(self) -> None:
        """What was read and not handed over is void; nothing is read before it begins anew."""
        self.generation += 1
        self._held, self.assigned, self.troubles, self._behind = [], {}, {}, {}

    def _fetch_from_here(self) -> None:
        self._consumer.assign([TopicPartition(self.topic, p, o) for p, o in self.assigned.items()])

    def _is_trouble(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._stop(
                message.partition(),
                f"the broker does not know our position {self.assigned.get(message.partition())}",
            )
        elif error.code() == KafkaError._PARTITION_EOF:
            pass
        else:
            _log.warning("%s: %s", self.topic, error.str())
        return True

    def _look_around(self) -> None:
        """Find what the broker does not tell as an error: it stands before our position."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        for partition, end in self.ends().items():
            before_us = end < self.assigned[partition]
            self._behind[partition] = self._behind.get(partition, 0) + 1 if before_us else 0
            if self._behind[partition] > 1:  # the first may be what an older fetch told
                self._stop(
                    partition,
                    f"the broker ends at {end}, we stand at {self.assigned[partition]}: it lost "
                    "messages, or the topic was made anew",
                )

    def _stop(self, partition: int, why: str) -> None:
        """Read no more of a partition (-1: of the topic), and say so."""
        again = f"If that is right, begin a new epoch: dvina stream --new-epoch {self.topic}"
        told = f"{self.topic}{f':{partition}' if partition >= 0 else ''}: {why}. {again}"
        if self.troubles.get(partition) != told:
            _log.error(told)
        self.troubles[partition] = told
        stopped = [partition] if partition >= 0 else list(self.assigned)
        self._held = [m for m in self._held if m.partition() not in stopped]
        if partition < 0:
            self.generation += 1
        reached = {p: self.assigned[p] + self._held_of(p) for p in self.assigned}
        for gone in stopped:
            self.assigned.pop(gone, None)
        self._consumer.assign([TopicPartition(self.topic, p, reached[p]) for p in self.assigned])

    def _current_id(self) -> str:
        told = self._admin.describe_topics(Topics([self.topic]), request_timeout=_ASK_S)
        return id_of(told[self.topic].result())

    def _watermarks(self, partition: int, *, cached: bool) -> tuple[int, int]:
        part = TopicPartition(self.topic, partition)
        told = self._consumer.get_watermark_offsets(part, timeout=_ASK_S, cached=cached)
        if told is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no watermarks"))
        low, high = told
        return int(low), int(high)


def _another_topic(found: str, ours: str) -> str:
    return f"the broker's topic is {found or 'unnamed'}, our position is one in {ours}: made anew"
