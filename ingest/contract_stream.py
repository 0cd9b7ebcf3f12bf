"""The topic of a dataset whose records also come as messages, as its contract describes it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAYLOADS = ("json",)  # ingest.streams.decoding knows a decoder for each
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True)
class Stream:
    """Where messages of the dataset come from, and what they look like."""

    topic: str
    payload: str = "json"
    key: str | None = None  # source that the message's key holds, where the payload lacks it
    batch_messages: int = 50_000  # a micro-batch is closed at so many messages,
    batch_bytes: int = 64 * 1024**2  # so many bytes of payload,
    batch_age_s: float = 1.0  # or when its first message has waited so long
    max_quarantined_share: float = 1.0  # of one micro-batch; beyond it the batch is rejected


def stream_of(entry: Mapping[str, Any] | None) -> Stream | None:
    """The stream from its entry in the YAML; raises KeyError and TypeError."""
    return Stream(**entry) if entry else None


def complaints_of_stream(stream: Stream | None, sources: set[str], kind: str) -> list[str]:
    """What is wrong with a stream, in words."""
    if stream is None:
        return []
    complaints = []
    if not _TOPIC.fullmatch(stream.topic):
        complaints.append(f"stream: {stream.topic!r} is no name of a topic")
    if stream.payload not in PAYLOADS:
        complaints.append(f"stream: payload {stream.payload}, not one of {PAYLOADS}")
    if stream.key is not None and stream.key not in sources:
        complaints.append(f"stream: key {stream.key} is no column's source")
    if kind not in ("key", "event"):
        complaints.append("stream: messages need revision kind key or event, not " + kind)
    if min(stream.batch_messages, stream.batch_bytes, stream.batch_age_s) <= 0:
        complaints.append("stream: a micro-batch needs some messages, bytes and time")
    return complaints
