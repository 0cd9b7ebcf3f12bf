"""Packed files: read as a stream within bounds, and refused in words when they are not sound."""

import gzip
import io
import lzma
import random
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import py7zr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import containers
from ingest.containers import open_bytes
from ingest.contract import Limits
from ingest.errors import HostileInput, IngestError, SourceRefused

Write = Callable[[str, str | bytes], Path]
LZMA1 = [{"id": lzma.FILTER_LZMA1, "preset": 1}]
LZMA2 = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
BZIP2 = [{"id": py7zr.FILTER_BZIP2}]
COPY = [{"id": py7zr.FILTER_COPY}]
TEXT = "".join(f"AT,BY,E,{n:08d},2,1,{n * 7}\n" for n in range(40_000)).encode()


def _packed(*members: tuple[str, bytes], **more: object) -> bytes:
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", **{"filters": LZMA2, **more}) as archive:  # type: ignore[arg-type]
        for name, content in members:
            archive.writestr(content, name)
    return buffer.getvalue()


def _read(path: Path, limits: Limits | None = None, size: int = 65_536) -> bytes:
    with open_bytes(path, limits or Limits()) as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize(
    "filters",
    [LZMA1, LZMA2, BZIP2, COPY, None],
    ids=["lzma", "lzma2", "bzip2", "copy", "the_library's_own"],
)
def test_the_only_file_of_a_7z_archive_is_read(
    write: Write, filters: list[dict[str, int]] | None
) -> None:
    path = write("full_v2_202402.7z", _packed(("full_202402.dat", TEXT), filters=filters))
    before = threading.active_count()
    assert _read(path) == TEXT
    assert _read(path, size=7 * 1024**2) == TEXT
    assert threading.active_count() == before


def test_a_7z_archive_may_hold_folders_beside_its_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.dat").write_bytes(TEXT)
    path = tmp_path / "a.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.writeall(tmp_path / "in", "in")
    assert _read(path) == TEXT


def test_an_empty_file_in_a_7z_archive_is_empty(write: Write) -> None:
    assert _read(write("a.7z", _packed(("a.dat", b"")))) == b""


BAD: dict[str, tuple[bytes, type[SourceRefused], str]] = {
    "two_files": (_packed(("a", b"x"), ("b", b"y")), SourceRefused, "holds 2 files where one"),
    "no_file": (_packed(), SourceRefused, "7z"),
    "encrypted": (
        _packed(("a", TEXT), filters=None, password="secret"),
        SourceRefused,
        "is encrypted",
    ),
    "hidden_names": (
        _packed(("a", TEXT), filters=None, password="secret", header_encryption=True),
        SourceRefused,
        "is encrypted",
    ),
    "deflate": (_packed(("a", TEXT), filters=[{"id": py7zr.FILTER_DEFLATE}]), SourceRefused, "not read"),
    "nested": (_packed(("a.gz", gzip.compress(TEXT))), HostileInput, "archive inside an archive"),
    "nested_7z": (_packed(("a.7z", _packed(("a", TEXT)))), HostileInput, "archive inside an archive"),
    "cut_header": (_packed(("a", TEXT))[:-20], SourceRefused, "damaged 7z archive"),
    "cut_data": (_packed(("a", TEXT))[:2_000], SourceRefused, "damaged 7z archive"),
    "only_magic": (b"7z\xbc\xaf\x27\x1c", SourceRefused, "damaged 7z archive"),
    "huge_header": (
        b"7z\xbc\xaf\x27\x1c\x00\x04" + b"\x00" * 12 + (10**12).to_bytes(8, "little") + b"\x00" * 9,
        HostileInput,
        "a header of 1000000000000 bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_7z_archive_is_refused_in_words(write: Write, name: str) -> None:
    content, error, words = BAD[name]
    with pytest.raises(error, match=words):
        _read(write("bad.7z", content))


@pytest.mark.parametrize("filters", [LZMA1, LZMA2, BZIP2, COPY])
def test_a_changed_byte_in_the_data_is_noticed(write: Write, filters: list[dict[str, int]]) -> None:
    noise = random.Random(7).randbytes(200_000)
    content = bytearray(_packed(("a", noise), filters=filters))
    content[100_000] ^= 0x55
    with pytest.raises(SourceRefused, match="damaged or was cut"):
        _read(write("bad.7z", bytes(content)))


_BOMB_READER = """
import resource, sys
from pathlib import Path
from ingest import containers
from ingest.containers import open_bytes
from ingest.contract import Limits
from ingest.errors import HostileInput
stream = open_bytes(Path(sys.argv[1]), Limits())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read = 0
try:
    while chunk := stream.read(1024**2):
        read += len(chunk)
except HostileInput as error:
    print(read, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error, sep="|")
"""


def test_a_7z_bomb_is_stopped_while_it_unpacks_in_little_memory(tmp_path: Path) -> None:
    zeros = tmp_path / "zeros"
    with zeros.open("wb") as file:
        file.truncate(200 * 1024**2)
    with py7zr.SevenZipFile(tmp_path / "bomb.7z", "w", filters=LZMA2) as archive:
        archive.write(zeros, "a.dat")
    ran = subprocess.run(
        [sys.executable, "-c", _BOMB_READER, str(tmp_path / "bomb.7z")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    read, grown_kib, error = ran.stdout.split("|")
    assert "zip bomb" in error
    assert int(read) <= 64 * 1024**2
    assert int(grown_kib) < 40 * 1024


def test_a_dictionary_that_would_fill_the_memory_is_refused(write: Write) -> None:
    content = bytearray(_unpacked_header(LZMA1))
    at = content.find(b"\x03\x01\x01\x05\x5d")
    content[at + 5 : at + 9] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(HostileInput, match="dictionary"):
        _read(write("bad.7z", _resealed(content)))


def _unpacked_header(filters: list[dict[str, int]]) -> bytes:
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", filters=filters) as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(TEXT, "a.dat")
    return buffer.getvalue()


def _resealed(content: bytearray) -> bytes:
    """The archive with the checksums of its header made right again."""
    offset, size = (int.from_bytes(content[at : at + 8], "little") for at in (12, 20))
    content[28:32] = zlib.crc32(content[32 + offset : 32 + offset + size]).to_bytes(4, "little")
    content[8:12] = zlib.crc32(content[12:32]).to_bytes(4, "little")
    return bytes(content)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_whatever_is_changed_in_an_archive_it_is_read_or_refused(
    write: Write, seed: int, changes: int
) -> None:
    dice = random.Random(seed)
    content = bytearray(_unpacked_header(LZMA2) if seed % 2 else _packed(("a.dat", TEXT)))
    for _ in range(changes):
        content[dice.randrange(32, len(content))] = dice.randrange(256)
    try:
        given_back = _read(write("bad.7z", _resealed(content)))
    except IngestError:
        return
    assert given_back in (TEXT, b"")


def test_gz_and_zip_still_read_as_before(write: Write) -> None:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dat", TEXT)
    assert _read(write("a.zip", buffer.getvalue())) == TEXT
    assert _read(write("a.gz", gzip.compress(TEXT))) == TEXT


def test_a_7z_larger_than_the_limit_is_stopped(write: Write) -> None:
    path = write("a.7z", _packed(("a.dat", TEXT)))
    with pytest.raises(HostileInput, match="larger than the limit"):
        _read(path, Limits(max_file_bytes=1_000))


def test_what_was_looked_at_first_is_still_read_into_a_buffer() -> None:
    stream = containers._Bounded(io.BytesIO(TEXT), "a", 10**7, None)
    assert stream.peek_magic() == TEXT[:6]
    buffer, read = bytearray(4), b""
    while count := stream.readinto(buffer):
        read += buffer[:count]
    assert read == TEXT
