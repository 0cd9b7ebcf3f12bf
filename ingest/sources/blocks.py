"""Blocks of a text, read just where they stay: neither joined nor cut by copying."""

import io

import numpy as np


def longer(rest: memoryview, stream: io.BufferedIOBase, size: int) -> memoryview:
    """What is left of a text and up to ``size`` bytes that follow it, in one place."""
    text = np.empty(len(rest) + size, np.uint8).data
    text[: len(rest)] = rest
    end = len(rest)
    while end < len(text) and (count := stream.readinto(text[end:])):
        end += count
    return text[:end]


def without_first_line(block: memoryview, most: int) -> memoryview:
    """What follows the first line end, which stands among the first ``most`` bytes if anywhere."""
    end = bytes(block[: most + 1]).find(b"\n")
    return block[end + 1 :] if end >= 0 else block[:0]
