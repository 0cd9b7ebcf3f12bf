"""Payloads become rows, each message one: whatever stands beside it in the same micro-batch."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.casting import cast_batch
from ingest.contract import load_contract
from ingest.streams.decoding import CHUNK, decoder_of
from ingest.streams.positions import packed, unpacked
from tests.streams.broker import DATASET, declaration

CONTRACT = load_contract(DATASET)
SOUND = json.dumps(declaration(1)).encode()
POISON = (
    b"", b" ", None, b"null", b"[]", b"7", b'"x"', b"{", b"}", b"{}x", SOUND + SOUND,
    SOUND + b"\n" + SOUND, SOUND + b"," + SOUND, SOUND[:-1], SOUND[:40], b"\xff" + SOUND,
    SOUND.replace(b"BLR", b"B\xffR"), SOUND.replace(b"BLR", b"B\\u0000R"), b"[" + SOUND + b"]",
    SOUND[:-1] + b',"z":[' * 60_000, SOUND.replace(b'"version": 1', b'"version": 1, "version": 2'),
    SOUND + b']}\n{"_":[' + SOUND, b']}\n{"_":[' + SOUND, SOUND[:-1] + b',"z":[1,',
)  # fmt: skip


def decoded(payloads: list[bytes | None]) -> tuple[dict[int, str], dict[int, str]]:
    """Offset -> key of what landed, offset -> rule of what was refused."""
    count = len(payloads)
    rows = packed(1, np.zeros(count, np.int64), np.arange(count))
    landed: dict[int, str] = {}
    refused: dict[int, str] = {}
    for raw in decoder_of(CONTRACT).decode(payloads, rows, ()):
        cast = cast_batch(CONTRACT, raw)
        found = cast.landed
        for row, key in zip(
            found["_row"].to_pylist(), found["declaration_id"].to_pylist(), strict=True
        ):
            assert unpacked(row)[2] not in landed
            landed[unpacked(row)[2]] = key
        for entry in cast.refused.to_pylist():
            refused[unpacked(entry["row"])[2]] = entry["rule"]
    assert sorted([*landed, *refused]) == list(range(count))
    return landed, refused


@pytest.mark.parametrize("poison", POISON, ids=lambda p: repr(p)[:40])
def test_a_poison_message_is_refused_alone(poison: bytes | None) -> None:
    sound: list[bytes | None] = [json.dumps(declaration(n)).encode() for n in range(CHUNK + 5)]
    at = 3
    landed, refused = decoded([*sound[:at], poison, *sound[at:]])
    assert list(refused) == [at]
    assert landed == {n + (n >= at): declaration(n)["declaration_id"] for n in range(len(sound))}


@given(st.lists(st.sampled_from([SOUND, *POISON[:18]]), min_size=1, max_size=12))
def test_any_mixture_refuses_just_the_poison(payloads: list[bytes | None]) -> None:
    landed, _ = decoded(payloads)
    assert sorted(landed) == [n for n, payload in enumerate(payloads) if payload is SOUND]


@pytest.mark.parametrize(
    ("changes", "value"),
    [({"item_number": "7"}, 7), ({"item_number": 7}, 7)],
)
def test_numbers_may_come_as_text(changes: dict[str, object], value: int) -> None:
    payload = json.dumps(declaration(1, **changes)).encode()
    (raw,) = decoder_of(CONTRACT).decode([payload], np.array([1]), ())
    assert cast_batch(CONTRACT, raw).landed["item_number"].to_pylist() == [value]


def test_the_messages_key_stands_in_where_the_payload_lacks_it() -> None:
    lacks = {k: v for k, v in declaration(1).items() if k != "declaration_id"}
    payloads = [json.dumps(lacks).encode(), SOUND]
    (raw,) = decoder_of(CONTRACT).decode(payloads, np.array([1, 2]), [b"10702070/9", b"ignored"])
    found = cast_batch(CONTRACT, raw).landed["declaration_id"].to_pylist()
    assert found == ["10702070/9", declaration(1)["declaration_id"]]


@given(st.integers(0, 127), st.integers(0, 2**14 - 1), st.integers(0, 2**42 - 1))
def test_a_record_number_tells_its_position(epoch: int, partition: int, offset: int) -> None:
    (row,) = packed(epoch, np.array([partition]), np.array([offset])).tolist()
    assert unpacked(row) == (epoch, partition, offset)
