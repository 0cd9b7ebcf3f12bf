"""Files made to do harm: each is refused with what is wrong, within a memory bound.

Every file goes the whole way of a load in a process of its own, whose peak memory is measured.
After each the former data stands, no file lies outside of the home, and a good file still loads.
"""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.reliability.conftest import settings
from tests.reliability.invariants import check_home
from tests.reliability.processes import Nursery
from tests.support import HEADER, TOY, rows, toy
from warehouse import side
from warehouse.database import open_warehouse

AREA = "Hostile input"
MEMORY_MB = 750
GIGABYTE, MEGABYTE = 1024**3, 1024**2
Note = Callable[[str, int, str], None]

GOOD = ("Belarus,2021-01,8703,1,", "Belarus,2021-01,8704,2,", "Russia,2021-01,8703,5,")
LATER = ("Russia,2021-02,8703,7,", "Russia,2021-02,8704,8,")
FREE_TEXT = [{**c, "pattern": ".*"} if c["name"] == "commodity_code" else c for c in TOY["columns"]]


@dataclass(frozen=True)
class Result:
    """What became of a file: the outcome's state and message, and the process's peak."""

    state: str
    message: str
    peak_mb: float
    quarantined: list[dict[str, Any]]


class Gate:
    """A home with three good rows, into which files are sent."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self.nursery, self.folder = nursery, folder
        self.home, self.contracts = folder / "home", folder / "contracts"
        toy(self.contracts, columns=FREE_TEXT)
        assert self.send("good.csv", rows(*GOOD)).state == "accepted"

    def send(self, name: str, content: str | bytes | Path) -> Result:
        """Load a file; the message is that of the outcome or of the error."""
        path = content if isinstance(content, Path) else self.folder / name
        if isinstance(content, str | bytes):
            path.write_bytes(content.encode() if isinstance(content, str) else content)

        def work() -> tuple[str, str, str]:
            from dvina import pipeline
            from ingest.errors import IngestError

            try:
                outcome = pipeline.ingest(settings(self.home), "toy_flows", str(path))
            except IngestError as error:
                return type(error).__name__, str(error), ""
            return outcome.state, outcome.message, outcome.load_id

        ended = self.nursery.run(work, {"DVINA_CONTRACTS": str(self.contracts)})
        state, message, load_id = ended.answer()
        return Result(state, message, ended.peak_mb, self._quarantined(load_id))

    def visible(self) -> list[tuple[Any, ...]]:
        """Reporter, code and value of every row in force."""
        with open_warehouse(self.home) as connection:
            return connection.execute(
                "select reporter_code, commodity_code, value_usd::int "
                "from accepted.toy_flows_as_of(1000000) order by all"
            ).fetchall()

    def is_as_before(self) -> None:
        """The former rows stand, the home is in order, and a good file still loads."""
        assert self.visible() == [("BLR", "8703", 1), ("BLR", "8704", 2), ("RUS", "8703", 5)]
        check_home(self.home)
        assert self.send("later.csv", rows(*LATER)).state == "accepted"
        assert len(self.visible()) == 5

    def _quarantined(self, load_id: str) -> list[dict[str, Any]]:
        path = self.home / "landing" / "toy_flows" / load_id / "quarantine.parquet"
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist() if path.is_file() else []
        return found


@pytest.fixture
def gate(nursery: Nursery, tmp_path: Path) -> Gate:
    return Gate(nursery, tmp_path)


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def _encrypted() -> bytes:
    """A zip whose flags say that its member is encrypted, in both of its directories."""
    packed = bytearray(_zip(("a.csv", rows(*LATER).encode())))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = packed.index(magic) + offset
        packed[at : at + 2] = struct.pack("<H", struct.unpack("<H", packed[at : at + 2])[0] | 1)
    return bytes(packed)


def _spoilt(packed: bytes) -> bytes:
    """The same archive with eight bytes changed in the middle of its data."""
    middle = len(packed) // 2
    return (
        packed[:middle]
        + bytes(b ^ 0xFF for b in packed[middle : middle + 8])
        + packed[middle + 8 :]
    )


LONG = rows(*(f"Russia,2021-02,{code},{code % 97}," for code in range(1000, 9999))).encode()
JSON = b'{"a":' * 100 + b"1" + b"}" * 100
BOMB = (
    b'<!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><lolz>&l9;</lolz>"
)
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'

REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a zip in a zip": ("a.zip", _zip(("b.zip", _zip(("a.csv", LONG)))), "archive inside an archive"),
    "a gz of a gz": ("a.csv.gz", gzip.compress(gzip.compress(LONG)), "archive inside an archive"),
    "a zip with two files": ("a.zip", _zip(("a.csv", LONG), ("b.csv", LONG)), "holds 2 files"),
    "a zip with nothing in it": ("a.zip", _zip(), "holds 0 files|binary"),
    "an encrypted zip": ("a.zip", _encrypted(), "encrypted"),
    "a zip cut in transfer": ("a.zip", _zip(("a.csv", LONG))[:-200], "damaged zip"),
    "a zip with spoilt data": ("a.zip", _spoilt(_zip(("a.csv", LONG))), "damaged"),
    "a zip with spoilt data, stored": ("a.zip", _spoilt(_zip(("a.csv", LONG), method=0)), "damaged"),
    "a zip with spoilt data, bzip2": ("a.zip", _spoilt(_zip(("a.csv", LONG), method=12)), "damaged"),
    "a zip with spoilt data, lzma": ("a.zip", _spoilt(_zip(("a.csv", LONG), method=14)), "damaged"),
    "a gz cut in transfer": ("a.csv.gz", gzip.compress(LONG)[:-200], "damaged or was cut"),
    "a gz with spoilt data": ("a.csv.gz", _spoilt(gzip.compress(LONG)), "damaged"),
    "JSON of 100 levels": ("a.csv", JSON, "XML or JSON"),
    "JSON arrays of 100 levels": ("a.csv", b"[" * 100 + b"]" * 100, "XML or JSON"),
    "an XML entity bomb": ("a.csv", b'<?xml version="1.0"?>' + BOMB, "XML or JSON"),
    "an XML entity bomb without a declaration": ("a.csv", BOMB, "XML or JSON"),
    "an XML external entity": ("a.csv", b'<?xml version="1.0"?>' + OUTSIDE, "XML or JSON"),
    "a header with one name twice": (
        "a.csv", ("value," + rows(*LATER)).encode(), "column value more than once"
    ),
    "UTF-16 text": ("a.csv", rows(*LATER).encode("utf-16"), "UTF-16"),
    "a file of NUL bytes": ("a.csv", b"\0" * 5000, "binary|empty"),
    "a quote that is never closed": (
        "a.csv", rows(*LATER).encode() + b'Russia,2021-02,"8705,1,,x\n' * 3, "never closed|quote"
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_a_hostile_file_is_refused_with_what_is_wrong(fault: str, gate: Gate, note: Note) -> None:
    name, content, why = REFUSED[fault]
    result = gate.send(name, content)
    assert result.state == "rejected", result
    assert any(word in result.message for word in why.split("|")), result.message
    assert result.peak_mb < MEMORY_MB
    gate.is_as_before()
    note(fault, 1, f"refused, the message says: {why.split('|')[0]}")


@pytest.mark.parametrize("packed", ["a.csv.gz", "a.zip"])
def test_a_good_packed_file_is_loaded(packed: str, gate: Gate) -> None:
    text = rows(*LATER).encode()
    content = gzip.compress(text) if packed.endswith("gz") else _zip(("a.csv", text))
    assert gate.send(packed, content).state == "accepted"
    assert len(gate.visible()) == 5


def _repeated(path: Path, piece: bytes, times: int) -> Path:
    """A gz of the header and a piece many times over, made of whole members."""
    with path.open("wb") as file:
        file.write(gzip.compress(HEADER.encode()))
        member = gzip.compress(piece)
        for _ in range(times):
            file.write(member)
    return path


def _swelling_zip(path: Path) -> Path:
    line = b"Russia,2021-02,8703,7,,x\n" * (4 * MEGABYTE // 25)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.csv", "w") as member,
    ):
        member.write(HEADER.encode())
        for _ in range(40):
            member.write(line)
    return path


def _sparse(path: Path, size: int) -> Path:
    """Header, then one line of NUL bytes that takes no room on the disk."""
    with path.open("wb") as file:
        file.write(HEADER.encode() + b"Russia,2021-02,")
        file.truncate(size)
    return path


BIG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a gz bomb of 1 GB in short lines": (
        lambda f: _repeated(f / "a.csv.gz", b"Russia,2021-02,8703,7,,x\n" * 160_000, 270),
        "zip bomb",
    ),
    "a zip bomb": (lambda f: _swelling_zip(f / "a.zip"), "zip bomb"),
    "a line of 1 GB in a gz": (
        lambda f: _repeated(f / "a.csv.gz", b"a" * 16 * MEGABYTE, 64), "longer than|zip bomb"
    ),
    "a line of 256 MB": (lambda f: _sparse(f / "a.csv", GIGABYTE // 4), "longer than|binary"),
    "a line of 256 MB within quotes": (
        lambda f: _repeated(f / "a.csv.gz", b'"' + b"a\n" * MEGABYTE * 3, 43), "longer than|zip bomb"
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BIG)
def test_a_file_that_swells_is_refused_within_the_memory_bound(
    fault: str, gate: Gate, tmp_path: Path, note: Note
) -> None:
    make, why = BIG[fault]
    _refuse_big(gate, make(tmp_path), why, fault, note)


@pytest.mark.long
def test_a_line_of_a_gigabyte_is_refused_within_the_memory_bound(
    gate: Gate, tmp_path: Path, note: Note
) -> None:
    path = _sparse(tmp_path / "a.csv", GIGABYTE)
    _refuse_big(gate, path, "longer than|binary", "a line of 1 GB on the disk", note)


def test_a_long_line_is_bounded_also_where_the_contract_lets_a_file_swell(
    gate: Gate, tmp_path: Path, note: Note
) -> None:
    toy(
        gate.contracts, columns=FREE_TEXT, limits={"max_quarantined_share": 0.5, "max_ratio": 10**6}
    )
    path = _repeated(tmp_path / "a.csv.gz", b"a" * 16 * MEGABYTE, 64)
    result = gate.send(path.name, path)
    assert result.state == "rejected"
    assert "longer than" in result.message
    assert result.peak_mb < MEMORY_MB
    note(
        "a line of 1 GB where max_ratio is off", 1, f"refused; {result.peak_mb:.0f} MB at the peak"
    )


def test_a_path_in_a_zip_writes_nothing_outside(gate: Gate, tmp_path: Path, note: Note) -> None:
    names = ("../../evil.csv", "/tmp/evil.csv", "..\\..\\evil.csv", "C:\\evil.csv")
    before = {p for p in tmp_path.rglob("*") if "evil" in p.name}
    for number, name in enumerate(names):
        text = rows(f"Russia,2022-0{number + 1},8703,1,").encode()
        assert gate.send(f"{number}.zip", _zip((name, text))).state == "accepted"
    assert before == set()
    assert [p for p in tmp_path.rglob("*") if "evil" in p.name] == []
    assert not any((parent / "evil.csv").exists() for parent in (tmp_path.parent, Path("/tmp")))
    note(
        "a path that leads outside in a zip",
        len(names),
        "the rows are read, nothing is written anywhere",
    )


def test_bytes_that_are_no_text_put_their_row_into_quarantine(gate: Gate, note: Note) -> None:
    bad = b"Russia,2021-02,\xff\xfe\xc0,1,,x@example.org\n"
    result = gate.send("a.csv", rows(*LATER).encode() + bad)
    assert result.state == "accepted"
    assert [(q["row"], q["rule"], q["column"]) for q in result.quarantined] == [
        (3, "encoding", "commodity_code")
    ]
    note("bytes that are no UTF-8", 1, "row quarantined with rule encoding, the rest accepted")


def test_nul_bytes_in_a_value_are_named(gate: Gate, note: Note) -> None:
    result = gate.send("a.csv", rows(*LATER).encode() + b"Russia,2021-02,87\0\x0003,1,,x\n")
    assert result.state in ("accepted", "rejected"), result
    if result.state == "accepted":
        assert [q["row"] for q in result.quarantined] == [3], result
    note("NUL bytes in a value", 1, "row quarantined" if result.state == "accepted" else "refused")


def test_an_oversized_field_puts_its_row_into_quarantine(gate: Gate, note: Note) -> None:
    result = gate.send("a.csv", rows(*LATER, f"Russia,2021-02,{'9' * 40_000},1,"))
    assert result.state == "accepted"
    ((row, rule),) = [(q["row"], q["rule"]) for q in result.quarantined]
    assert row == 3
    assert len(result.quarantined[0]["value"]) <= 4000
    note("a field of 40,000 characters", 1, f"row quarantined with rule {rule}, its text cut")


def test_formulas_stay_text(gate: Gate, note: Note) -> None:
    cells = ('=HYPERLINK("http://127.0.0.1/x","y")', "=cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0",
             "+1+1", "-2+3", "\t=1+1")  # fmt: skip
    entries = (f'Russia,2021-02,"{cell.replace(chr(34), chr(34) * 2)}",1,' for cell in cells)
    assert gate.send("a.csv", rows(*entries)).state == "accepted"
    stored = {code for reporter, code, value in gate.visible() if value == 1 and reporter == "RUS"}
    assert stored == {cell.strip() for cell in cells}
    note("formulas of spreadsheets in cells", len(cells), "kept as the text they are")


def test_sql_in_values_names_and_paths_is_only_text(
    nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    evil = "'); drop table ledger.loads; --"
    gate = Gate(nursery, tmp_path)
    assert (
        gate.send(
            f"{evil}.csv", rows(f'Russia,2021-02,"{evil}",1,', f"Atlantis,2021-02,{evil},1,")
        ).state
        == "accepted"
    )
    assert ("RUS", evil, 1) in gate.visible()
    assert side.loads(gate.home)[-1]["origin"] == f"{evil}.csv"
    check_home(gate.home)
    note("SQL in a value and in a file's name", 3, "kept as the text it is")


@pytest.mark.parametrize("name", ["o'brien", "a;drop", "with space", "[x]", "a*b", "год", "a=b"])
def test_a_home_of_any_name_works(name: str, nursery: Nursery, tmp_path: Path, note: Note) -> None:
    folder = tmp_path / name
    folder.mkdir()
    gate = Gate(nursery, folder)
    assert gate.send("a.csv", rows(*LATER, "Atlantis,2021-02,8703,1,")).state == "accepted"
    assert (
        gate.send("b.csv", rows(*reversed(LATER), "Atlantis,2021-02,8703,1,")).state == "unchanged"
    )
    assert len(gate.visible()) == 5
    check_home(gate.home)
    note(f"DVINA_HOME below a directory called `{name}`", 1, "works as any other")


def test_a_link_is_refused(gate: Gate, tmp_path: Path, note: Note) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to("/etc/passwd")
    result = gate.send("link.csv", link)
    assert (result.state, "symbolic link" in result.message) == ("HostileInput", True), result
    gate.is_as_before()
    note("a symbolic link as the file", 1, "refused: symbolic link")


def test_devices_and_directories_are_refused(gate: Gate, tmp_path: Path, note: Note) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.csv")
    for path in (Path("/dev/zero"), tmp_path, tmp_path / "pipe.csv"):
        result = gate.send("", path)
        assert (result.state, "not a regular file" in result.message) == ("SourceMissing", True)
    gate.is_as_before()
    note("a device, a directory, a pipe as the file", 3, "refused: not a regular file")


def test_a_file_that_grows_while_it_is_read_is_refused(
    gate: Gate, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    path = tmp_path / "grows.csv"
    path.write_bytes(HEADER.encode() + b"Russia,2021-02,8703,7,,x\n" * 2_000_000)
    writer = nursery.start(lambda: _append(path))
    result = gate.send("grows.csv", path)
    writer.kill()
    assert (result.state, "changed while it was read" in result.message) == ("SourceRefused", True)
    gate.is_as_before()
    note("a file that grows while it is read", 1, "refused: changed while it was read")


def test_a_header_of_20000_columns_is_refused(gate: Gate, note: Note) -> None:
    extra = [f"column_{n:05d}" for n in range(20_000)]
    text = HEADER.strip() + "," + ",".join(extra) + "\n"
    text += "".join(f"Russia,2021-02,{code},1,,x{',' * len(extra)}\n" for code in range(8701, 8721))
    result = gate.send("a.csv", text)
    assert result.peak_mb < MEMORY_MB
    assert result.state == "rejected"
    assert "header longer than" in result.message, result.message
    gate.is_as_before()
    note("a header of 20,000 columns", 1, f"refused; {result.peak_mb:.0f} MB at the peak")


def _refuse_big(gate: Gate, path: Path, why: str, fault: str, note: Note) -> None:
    result = gate.send(path.name, path)
    assert result.state == "rejected", result
    assert any(word in result.message for word in why.split("|")), result.message
    assert result.peak_mb < MEMORY_MB, f"{result.peak_mb:.0f} MB at the peak"
    gate.is_as_before()
    note(fault, 1, f"refused; {result.peak_mb:.0f} MB at the peak")


def _append(path: Path) -> None:
    while True:
        with path.open("ab") as file:
            file.write(b"Russia,2021-02,8703,7,,x\n")
