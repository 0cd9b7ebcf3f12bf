"""The file of a retired version is changed instead of a copy, unless somebody may still read it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.conftest import PROJECT
from warehouse import aside, contents, publish
from warehouse.contents import PARTED_ROWS
from warehouse.database import open_warehouse
from warehouse.sums import sums_of_blocks

ROWS, KEPT = 2 * PARTED_ROWS, 2
FLOWS = "mart_flows"


def _make(home: Path) -> publish.Version:
    made = (
        "create schema marts",
        f"create table marts.{FLOWS} as select (2000 + range % 20)::varchar as period, "
        f"hash(range)::varchar as text, 0 as n from range({ROWS})",
    )
    return _change(home, *made)


def _year(year: int) -> str:
    return f"update marts.{FLOWS} set n = n + 1 where period = '{year}'"


def _change(home: Path, *statements: str) -> publish.Version:
    with open_warehouse(home) as connection:
        for statement in statements:
            connection.execute(statement)
        version = publish.write_aside(connection, home, {"horizon": 1})
    assert version is not None
    return publish.switch(home, version, KEPT)


def _inode(version: publish.Version) -> int:
    return version.database.stat().st_ino


def _sum(version: publish.Version) -> tuple[int, ...]:
    with duckdb.connect(version.database, read_only=True) as reader:
        row = reader.execute(f"select count(*), sum(n) from marts.{FLOWS}").fetchone()
    assert row is not None
    return tuple(map(int, row))


def _spares(home: Path) -> list[Path]:
    return list((home / "published" / "versions").glob(".*.spare"))


def test_a_retired_file_is_changed_and_nothing_is_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inodes = [_inode(_make(home))]
    inodes += [_inode(_change(home, _year(2015))) for _ in range(KEPT)]
    assert [len(list(spare.iterdir())) for spare in _spares(home)] == [2]  # no Parquet, no pages
    monkeypatch.setattr(aside.shutil, "copyfile", lambda *_: pytest.fail("a file was copied"))
    for turn in range(KEPT + 1, 2 * KEPT + 3):
        version = _change(home, _year(2015))
        inodes.append(_inode(version))
        assert _sum(version) == (ROWS, turn * ROWS // 20)
        sums = version.manifest["sha256_of_blocks"][publish.DATABASE]
        assert sums == sums_of_blocks(version.database, None, ())
        assert version.database.stat().st_mode & 0o222 == 0
    assert inodes[KEPT + 1 :] == inodes[: len(inodes) - KEPT - 1]
    assert len(_spares(home)) == 1


def _reader(path: Path) -> Callable[[], object]:
    connection = duckdb.connect(path, read_only=True)
    query = f"select sum(n), sum(hash(text)) from marts.{FLOWS}"
    return lambda: connection.execute(query).fetchone()


def _copier(path: Path) -> Callable[[], object]:
    file = path.open("rb")
    return lambda: file.seek(0) or file.read()


def _linker(path: Path) -> Callable[[], object]:
    link = path.parent.parent.parent / "mine.duckdb"
    link.hardlink_to(path)
    return link.read_bytes


@pytest.mark.parametrize("reading", [_reader, _copier, _linker])
def test_a_file_that_somebody_may_read_stays_as_it_is(
    home: Path, reading: Callable[[Path], Callable[[], object]]
) -> None:
    first = _make(home)
    inode = _inode(first)
    look = reading(first.database)
    seen = look()
    for turn in range(1, KEPT + 4):
        version = _change(home, _year(2015))
        assert _inode(version) != inode
        assert _sum(version) == (ROWS, turn * ROWS // 20)
    assert look() == seen


def test_who_opens_the_file_meanwhile_waits_and_ends_nobody(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    opening = "import os, sys\nwhile True:\n    os.close(os.open(sys.argv[1], os.O_RDONLY))"
    looking = (
        "import sys, time\nfrom pathlib import Path\nfrom warehouse import spares\n"
        "end = time.monotonic() + 2\nfound = []\n"
        "while time.monotonic() < end:\n"
        "    found.append(spares._is_ours_alone(Path(sys.argv[1])))\n"
        "print(any(found), all(found))"
    )
    openers = [subprocess.Popen([sys.executable, "-c", opening, str(path)]) for _ in range(2)]
    try:
        looked = subprocess.run(
            [sys.executable, "-c", looking, str(path)],
            capture_output=True, text=True, check=False, cwd=PROJECT,
        )  # fmt: skip
    finally:
        for opener in openers:
            opener.kill()
            opener.wait()
    assert (looked.returncode, looked.stdout) == (0, "True False\n"), looked.stderr


def test_a_mart_that_is_parted_otherwise_is_written_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make(home)
    _change(home, f"update marts.{FLOWS} set period = period || '-01'")
    monkeypatch.setattr(contents, "BY_PERIOD_ROWS", ROWS // 2)
    gone = f"delete from marts.{FLOWS} where period = '2003-01'"
    version = _change(home, gone)
    assert version.manifest["parted_by"][f"marts.{FLOWS}"] == contents._PERIOD
    assert _sum(version) == (ROWS - ROWS // 20, 0)


def test_a_file_that_differs_in_much_is_not_used(home: Path) -> None:
    inode = _inode(_make(home))
    for year in (2001, 2002, 2003):
        version = _change(home, _year(year))
        assert _inode(version) != inode
    assert _sum(version) == (ROWS, 3 * ROWS // 20)


def test_a_publication_that_dies_on_a_retired_file_is_made_again(home: Path) -> None:
    _make(home)
    for _ in range(KEPT):
        _change(home, _year(2015))
    assert _spares(home)
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.warehouse import test_spares as t\n"
        "t._change(Path(sys.argv[1]), t._year(2015))\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", code, str(home)],
        env={**os.environ, "DVINA_KILL_AT": "publish.mid_write"}, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL
    assert not _spares(home)
    present = publish.current(home)
    assert present is not None
    assert _sum(present) == (ROWS, KEPT * ROWS // 20)
    publish.clean(home)
    assert not list((home / "published" / "versions").glob(".*"))
    version = _change(home, _year(2015))
    assert _sum(version) == (ROWS, (KEPT + 2) * ROWS // 20)
