"""Looks into the buffers of arrays of text, where that is cheaper than asking every value.

What is told of a whole array here (no value is longer, none has a space at its ends) spares the
kernels that would make a new array of all its values.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_INNER = np.zeros(256, dtype=bool)  # bytes that no space of any alphabet begins or ends with
_INNER[0x21:0x7F] = True


def offsets(text: pa.StringArray) -> np.ndarray:
    """Where each value begins in the data, and where the last one ends."""
    whole = np.frombuffer(text.buffers()[1] or b"\0\0\0\0", dtype=np.int32)
    return whole[text.offset : text.offset + len(text) + 1]


def data_of(text: pa.StringArray) -> np.ndarray:
    """All bytes that the offsets lead into."""
    return np.frombuffer(text.buffers()[2] or b"", dtype=np.uint8)


def longest(text: pa.StringArray) -> int:
    """Bytes of the longest value."""
    return int(np.diff(offsets(text)).max(initial=0))


def has_byte(text: pa.StringArray, byte: bytes) -> bool:
    """True where the byte stands in some value."""
    places = offsets(text)
    return byte in data_of(text)[places[0] : places[-1]].tobytes()


def trimmed(text: pa.StringArray) -> pa.StringArray:
    """The text without spaces at the ends of its values."""
    places, data = offsets(text), data_of(text)
    if places[0] == places[-1]:
        return text
    # Where an empty value would begin or end stands a letter of a neighbour, which counts too.
    data = data[places[0] : places[-1]]
    starts, ends = places[:-1] - places[0], places[1:] - (places[0] + 1)
    inner = _INNER.take(data.take(starts, mode="clip"))
    if inner.all() and _INNER.take(data.take(ends, mode="clip")).all():
        return text
    return pc.utf8_trim_whitespace(text)


def nulled(text: pa.StringArray, words: Sequence[str]) -> pa.StringArray:
    """The text with null in the place of these words."""
    others = [word for word in words if word]
    if others:
        named = pc.is_in(text, pa.array(others, pa.string()))
        text = pc.if_else(named, None, text) if pc.any(named).as_py() else text
    places = offsets(text)
    filled = places[1:] > places[:-1]
    if "" not in words or filled.all():
        return text
    if text.null_count:
        filled &= text.is_valid().to_numpy(zero_copy_only=False)
    valid = pa.py_buffer(np.packbits(filled, bitorder="little"))
    buffers = [valid, pa.py_buffer(places), text.buffers()[2]]
    return pa.Array.from_buffers(pa.string(), len(text), buffers)
