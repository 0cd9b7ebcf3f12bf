"""A file is copied byte by byte, whatever its size, its file system, and how it is read."""

import os
from io import FileIO
from pathlib import Path

import pytest

from ingest.unbuffered import BUFFER_BYTES, UnbufferedFile

SIZES = (0, 1, 4095, 4096, 4097, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, 2 * BUFFER_BYTES)


class Short(FileIO):
    """Reads less than it is asked for, as a pipe does."""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(buffer[:1_000_003]) or 0


def copied(source: FileIO, target: Path) -> int:
    with source, UnbufferedFile(target) as copy:
        total = 0
        while count := copy.fill(source):
            copy.write(count)
            total += count
        copy.flush()
    return total


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [FileIO, Short])
def test_a_copy_has_the_same_bytes(tmp_path: Path, size: int, kind: type[FileIO]) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    assert copied(kind(tmp_path / "a"), tmp_path / "b") == size
    assert (tmp_path / "b").read_bytes() == content
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no file system in memory")
def test_a_file_system_in_memory_takes_the_same(tmp_path: Path) -> None:
    content, target = os.urandom(BUFFER_BYTES + 77), Path(f"/dev/shm/dvina-{os.getpid()}")
    (tmp_path / "a").write_bytes(content)
    try:
        copied(FileIO(tmp_path / "a"), target)
        assert target.read_bytes() == content
    finally:
        target.unlink(missing_ok=True)


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        UnbufferedFile(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"kept"
