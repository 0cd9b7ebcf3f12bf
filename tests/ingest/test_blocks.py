"""Memory of blocks is used again, and never while somebody looks at a block."""

import io

import pyarrow as pa

from ingest.sources.blocks import Room, longer


def test_memory_is_used_again_only_when_nothing_looks_at_it_any_more() -> None:
    room = Room()
    first = room.of(1_000)
    part = first[100:200]
    part[:] = b"a" * 100
    looked_at = pa.BufferReader(part)  # as a parser does
    del first, part
    others = [room.of(1_000) for _ in range(5)]
    for other in others:
        other[:] = b"z" * 1_000
    assert looked_at.read() == b"a" * 100
    place = memoryview(others[0]).obj.ctypes.data
    del other, others
    again = [room.of(1_000) for _ in range(5)]
    assert place in {memoryview(view).obj.ctypes.data for view in again}


def test_blocks_that_are_kept_are_the_text_whatever_was_given_back_between() -> None:
    text = b"".join(b"%d\n" % number for number in range(5_000))
    stream, room = io.BytesIO(text), Room()
    rest, kept = memoryview(b""), []
    while len(block := longer(rest, stream, 777, room)) > len(rest):
        cut = bytes(block).rfind(b"\n") + 1
        kept.append(block[:cut] if len(kept) % 2 else bytes(block[:cut]))
        rest = block[cut:]
    assert len(kept) > 20
    assert b"".join(kept) == text


def test_a_block_larger_than_the_memory_at_hand_gets_its_own() -> None:
    room = Room()
    small = room.of(10)
    del small
    assert len(room.of(10_000_000)) == 10_000_000
