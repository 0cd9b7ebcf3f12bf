"""Positions in a topic: where a micro-batch begins and ends, and where each record stood.

An offset is a position, never a count: compaction and markers leave gaps. A record's number
(``_row``) is its epoch, partition and offset in one integer, so that it stays true when
micro-batches are merged. A new epoch begins when a topic was made anew and counts from zero again.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ingest.errors import SourceRefused

OFFSET_BITS, PARTITION_BITS, EPOCH_BITS = 42, 14, 7
_MOST = {"offset": 2**OFFSET_BITS, "partition": 2**PARTITION_BITS, "epoch": 2**EPOCH_BITS}


@dataclass(frozen=True, order=True)
class Span:
    """Offsets of one partition from ``start`` up to, but not including, ``next``."""

    partition: int
    start: int
    next: int


@dataclass(frozen=True)
class StreamPart:
    """What a micro-batch holds of a topic."""

    topic: str
    topic_id: str  # the broker's name of this very topic; empty where the broker tells none
    epoch: int
    spans: tuple[Span, ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return asdict(self)

    @property
    def name(self) -> str:
        """In words: the topic and its first and last position."""
        told = ", ".join(f"{s.partition}:{s.start}-{s.next - 1}" for s in self.spans[:4])
        more = f" and {len(self.spans) - 4} partitions more" if len(self.spans) > 4 else ""
        return f"{self.topic} [{told}{more}]"


def part_of(entry: dict[str, Any]) -> StreamPart:
    """A part from its entry in a manifest."""
    spans = tuple(Span(**span) for span in entry["spans"])
    return StreamPart(entry["topic"], entry["topic_id"], entry["epoch"], spans)


def packed(epoch: int, partitions: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Record numbers of messages; raises SourceRefused where a position is beyond the bounds."""
    for name, values in (("epoch", [epoch]), ("partition", partitions), ("offset", offsets)):
        if len(values) and int(np.max(values)) >= _MOST[name]:
            raise SourceRefused(f"{name} {int(np.max(values))} is not below {_MOST[name]}.")
    high = (epoch << PARTITION_BITS) | np.asarray(partitions, dtype=np.int64)
    return (high << OFFSET_BITS) | np.asarray(offsets, dtype=np.int64)


def unpacked(row: int) -> tuple[int, int, int]:
    """Epoch, partition and offset of a record number."""
    high, offset = divmod(row, 2**OFFSET_BITS)
    return *divmod(high, 2**PARTITION_BITS), offset


def following(spans: Iterable[Span]) -> dict[int, int]:
    """Per partition the position after the spans."""
    return {span.partition: span.next for span in spans}
