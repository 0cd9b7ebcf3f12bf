"""Blocks of a text, read just where they stay: neither joined nor cut by copying."""

import io
import weakref

import numpy as np

_NONE = np.empty(0, np.uint8)
_SPARE = 256 * 1024  # bytes: what is left of a text before a block is mostly less


class Room:
    """Memory for blocks that is used again once nothing looks at a block any more.

    Fresh memory is cleared by the system page by page, which takes longer than to read into it.
    """

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []

    def of(self, size: int) -> memoryview:
        """So many bytes, whatever stands in them."""
        memory = self._free.pop() if self._free else _NONE
        if len(memory) < size:
            memory = np.empty(size + _SPARE, np.uint8)
        view = memory[:size]  # all that looks at the block holds it
        weakref.finalize(view, self._free.append, memory)
        return view.data


def longer(rest: memoryview, stream: io.BufferedIOBase, size: int, room: Room) -> memoryview:
    """What is left of a text and up to ``size`` bytes that follow it, in one place."""
    text = room.of(len(rest) + size)
    text[: len(rest)] = rest
    end = len(rest)
    while end < len(text) and (count := stream.readinto(text[end:])):
        end += count
    return text[:end]


def without_first_line(block: memoryview, most: int) -> memoryview:
    """What follows the first line end, which stands among the first ``most`` bytes if anywhere."""
    end = bytes(block[: most + 1]).find(b"\n")
    return block[end + 1 :] if end >= 0 else block[:0]
