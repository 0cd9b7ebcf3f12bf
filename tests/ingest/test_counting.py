"""Counting records and finding brackets in the bytes, against a reader of one byte at a time."""

from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest import records
from ingest.errors import SourceRefused
from ingest.records import RecordCounter
from ingest.sources import json_brackets
from ingest.sources.json_brackets import BracketFinder

_SIZES = st.integers(1, 20)  # of chunks, and of what is looked at at once


def chunks(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def ends_by_byte(text: bytes, quote: bytes) -> tuple[list[int], bool]:
    """One beyond the line end of each record, and whether a quoted field stays open."""
    ends, begun, inside = [], 0, False
    for at in range(len(text)):
        byte = text[at : at + 1]
        if quote and byte == quote:
            inside = not inside
        elif byte == b"\n" and not inside:
            if text[begun:at] not in (b"", b"\r"):
                ends.append(at + 1)
            begun = at + 1
    return ends, inside


def brackets_by_byte(text: bytes) -> list[int]:
    found, inside, escaped = [], False, False
    for at in range(len(text)):
        byte = text[at : at + 1]
        if byte == b'"' and not escaped:
            inside = not inside
        elif byte in b"{}[]" and not inside:
            found.append(at)
        escaped = byte == b"\\" and not escaped
    return found


@given(st.text('a;"\r\n', max_size=60), _SIZES, _SIZES, st.sampled_from(['"', ""]))
def test_records_end_where_a_line_ends_outside_quotes(
    text: str, size: int, at_once: int, quote: str
) -> None:
    ends, is_open = ends_by_byte(text.encode(), quote.encode())
    counter = RecordCounter(quote)
    found: list[int] = []
    with patch.object(records, "_AT_ONCE", at_once):
        for chunk in chunks(text.encode(), size):
            counter.feed(chunk)
            found += counter.ends.tolist()
    assert found == ends
    assert counter.records == len(ends)
    try:
        counter.finish()
    except SourceRefused:
        assert is_open
    else:
        assert not is_open


@given(st.text('{}[]"\\aYy_\x7f,', max_size=60), _SIZES, _SIZES)
def test_brackets_are_those_outside_strings_and_no_byte_that_is_like_one(
    text: str, size: int, at_once: int
) -> None:
    finder, found, at = BracketFinder(), list[int](), 0
    with patch.object(json_brackets, "_AT_ONCE", at_once):
        for chunk in chunks(text.encode(), size):
            some = finder.feed(np.frombuffer(chunk, dtype=np.uint8))
            assert bytes(chunk[place] for place in some.at.tolist()).translate(None, b"{}[]") == b""
            found += (some.at + at).tolist()
            at += len(chunk)
    assert found == brackets_by_byte(text.encode())
    assert finder.depth == sum(1 if text[place] in "{[" else -1 for place in found)
