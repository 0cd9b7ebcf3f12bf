"""Lands a micro-batch: decoded and cast into one segment, refused messages beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.casting import cast_batch
from ingest.contract import Contract
from ingest.errors import CountsDisagree
from ingest.landing import Manifest, Workplace, now, storage_failed
from ingest.segment_writer import SegmentWriter
from ingest.streams.decoding import decoder_of
from ingest.streams.positions import StreamPart, packed


@dataclass(frozen=True)
class Messages:
    """Messages of one topic in the order of their arrival; arrays and lists are equally long."""

    part: StreamPart
    payloads: Sequence[bytes | None]
    partitions: np.ndarray
    offsets: np.ndarray
    keys: Sequence[bytes | None] = ()
    payload_bytes: int = 0


def write_batch(contract: Contract, messages: Messages, place: Workplace) -> Manifest:
    """Write a micro-batch aside; the manifest still lacks duplicates.

    Raises CountsDisagree when the decoder's rows are not the messages, StorageFailed.
    """
    rows = packed(messages.part.epoch, messages.partitions, messages.offsets)
    batches = decoder_of(contract).decode(messages.payloads, rows, messages.keys)
    try:
        with SegmentWriter(contract, place.folder) as segments:
            for raw in batches:
                cast = cast_batch(contract, raw)
                segments.add(cast.landed, cast.refused)
    except OSError as error:
        raise storage_failed(contract.dataset, place.load_id, error) from error
    read = len(messages.payloads)
    if read != segments.landed + segments.refused:
        raise CountsDisagree(
            f"{contract.dataset} load {place.load_id}: {messages.part.name} holds {read} messages, "
            f"but the decoder gave {segments.landed + segments.refused}. Nothing was landed."
        )
    return Manifest(
        load_id=place.load_id,
        dataset=contract.dataset,
        contract_identity=contract.identity,
        origin=messages.part.name,
        source_sha256="",  # messages are not archived: the broker keeps them
        source_bytes=messages.payload_bytes,
        rows_read=read,
        rows_landed=segments.landed,
        rows_quarantined=segments.refused,
        rows_duplicate=0,
        segments=tuple(segments.names),
        drift=(),
        landed_at=now(),
        stream=messages.part.to_json(),
    )
