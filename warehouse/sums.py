"""Checksums of a published DuckDB file by blocks, so that a changed copy costs what changed in it.

DuckDB writes whole pages, each of which begins with a checksum of its own. A page that begins as it
did before was not written to, and a block of such pages keeps its sum.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

BLOCK_BYTES = 1 << 20
PAGE_BYTES = 262_144
_FIRST_PAGE, _SUM_BYTES = 3 * 4096, 8  # three headers stand before the pages
Pages = tuple[bytes, ...]


def page_sums(path: Path) -> Pages | None:
    """What each page begins with; None where the file does not consist of such pages."""
    with _opened(path) as file:
        size = os.fstat(file).st_size
        if (size - _FIRST_PAGE) % PAGE_BYTES:
            return None
        return tuple(os.pread(file, _SUM_BYTES, at) for at in range(_FIRST_PAGE, size, PAGE_BYTES))


def sums_of_blocks(path: Path, before: Pages | None, known: Sequence[str]) -> list[str]:
    """The sha256 of each block of ``path``; ``known`` are from when its pages were ``before``."""
    again = _written_to(before, page_sums(path))
    with _opened(path) as file:
        count = -(-os.fstat(file).st_size // BLOCK_BYTES)
        kept = range(1, min(count - 1, len(known) - 1)) if again is not None else range(0)
        return [
            known[number]
            if number in kept and number not in (again or ())
            else _sha256(file, number)
            for number in range(count)
        ]


def first_difference(path: Path, sums: Sequence[str], block_bytes: int) -> int | None:
    """The offset of the first block that is not as its sum says, or None."""
    with _opened(path) as file:
        count = -(-os.fstat(file).st_size // block_bytes)
        for number in range(max(count, len(sums))):
            found = [_sha256(file, number, block_bytes)] if number < count else []
            if found != list(sums[number : number + 1]):
                return number * block_bytes
    return None


def _written_to(before: Pages | None, after: Pages | None) -> set[int] | None:
    """Blocks that hold a page which is not as before; None where that cannot be told."""
    if before is None or after is None:
        return None
    written = set[int]()
    for number, (old, new) in enumerate(zip_longest(before, after)):
        if old != new:
            at = _FIRST_PAGE + number * PAGE_BYTES
            written |= {at // BLOCK_BYTES, (at + PAGE_BYTES - 1) // BLOCK_BYTES}
    return written


def _sha256(file: int, number: int, block_bytes: int = BLOCK_BYTES) -> str:
    return hashlib.sha256(os.pread(file, block_bytes, number * block_bytes)).hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)
