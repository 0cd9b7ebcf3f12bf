"""Checksums of a large file by blocks, so that a changed copy costs what changed in it.

A block that equals the same block of the file it was copied from keeps the sum known of that one:
comparing bytes is several times faster than SHA-256.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

BLOCK_BYTES = 1 << 22


def sums_of_blocks(path: Path, former: Path | None, known: Sequence[str]) -> list[str]:
    """The sha256 of each block of ``path``; ``known`` are those of ``former``."""
    before = _blocks(former) if former else iter(())
    sums = []
    for number, block in enumerate(_blocks(path)):
        alike = next(before, None) == block and number < len(known)
        sums.append(known[number] if alike else hashlib.sha256(block).hexdigest())
    return sums


def first_difference(path: Path, sums: Sequence[str]) -> int | None:
    """The offset of the first block that is not as its sum says, or None."""
    found = sums_of_blocks(path, None, ())
    for number in range(max(len(found), len(sums))):
        if found[number : number + 1] != list(sums[number : number + 1]):
            return number * BLOCK_BYTES
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block
