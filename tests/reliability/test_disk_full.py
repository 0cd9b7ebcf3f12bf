"""A full disk and missing permissions: a clear message, nothing half done, and it works again.

Driven by the command line's own entry, so that exit codes and messages are what a user gets.
"""

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.conftest import SAMPLES, Prepared, settings
from tests.reliability.invariants import check_home, check_published, check_toy, expected, marts
from tests.reliability.processes import Ended, Nursery, nursery_in
from tests.reliability.small_disks import Disk, give_up_rights, small_disk
from tests.support import rows, toy

AREA = "Full disks and missing permissions"
KILOBYTE = 1024
ENVIRONMENT_FAILED = 3
Note = Callable[[str, int, str], None]

FREE_SHORT = (0, 64, 160, 300, 500, 900, 1600)
FREE_LONG = tuple(range(0, 2400, 40))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A toy file and its revision, about 200 KB each, and their contract."""
    toy(tmp_path / "contracts")
    paths = []
    for name, step in (("first", 1), ("second", 3)):
        entries = (
            f"Russia,20{year:02d}-01,{code},{(code * step * 7919) % 100_003},"
            for year in range(10, 16) for code in range(1000, 2000)
        )  # fmt: skip
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text(rows(*entries, "Atlantis,2021-01,8703,1,"))
    return paths[0], paths[1]


def test_a_load_onto_a_full_disk_leaves_all_or_nothing(
    files: tuple[Path, Path], nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _fill_and_load(files, nursery, tmp_path, note, FREE_SHORT)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_load_onto_a_disk_that_fills_at_any_point_leaves_all_or_nothing(
    files: tuple[Path, Path], nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    every = max(1, len(FREE_LONG) // int(os.environ.get("DVINA_TEST_TRIES", len(FREE_LONG))))
    _fill_and_load(files, nursery, tmp_path, note, FREE_LONG[::every])


def test_a_publication_onto_a_full_disk_leaves_the_former_version(
    prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    free = (0, 200, 800, 2000)

    def work() -> tuple[bool, list[str]]:
        disk = small_disk(tmp_path / "disk", 200)
        home, told = disk.place / "home", []
        for left in free:
            shutil.copytree(prepared.built, home, symlinks=True)
            before = check_published(home)
            disk.fill(left * KILOBYTE)
            ended = _dvina(tmp_path, home, ("publish",))
            disk.clear()
            told.append(_clear_message(ended))
            if told[-1]:
                assert check_published(home) == before
            assert _dvina(tmp_path, home, ("build",)).answer() == 0
            check_published(home)
            assert marts(home) == prepared.marts
            assert list((home / "published" / "versions").glob(".*")) == []
            check_home(home)
            shutil.rmtree(home)
        return disk.mounted, told

    mounted, told = nursery.run(work).answer()
    assert any(told), "the disk was never full"
    note(
        f"publication onto a full {_kind(mounted)}",
        len(free),
        f"{_refusals(told)}; the former version stayed; published when there was space",
    )


@pytest.mark.timeout(300)
def test_a_build_on_a_full_disk_leaves_the_former_version(
    prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    def work() -> tuple[bool, list[str]]:
        disk = small_disk(tmp_path / "disk", 200)
        home = disk.place / "home"
        shutil.copytree(prepared.revised, home, symlinks=True)
        before = check_published(home)
        disk.fill(400 * KILOBYTE)
        ended = _dvina(tmp_path, home, ("build",))
        disk.clear()
        assert ended.answer() != 0, ended.printed
        told = [x for x in ended.printed.splitlines() if x.startswith(("error:", "failed:"))]
        assert len(told) == 1, ended.printed
        assert "space" in told[0], ended.printed
        assert check_published(home) == before
        assert _dvina(tmp_path, home, ("build",)).answer() == 0
        assert marts(home) == prepared.marts
        check_home(home)
        return disk.mounted, [ended.printed]

    mounted, _ = nursery.run(work).answer()
    note(
        f"build on a full {_kind(mounted)}",
        1,
        "the last line says why; the former version stayed; built when there was space",
    )


@pytest.mark.parametrize(
    "place", ["archive", "landing/.work", "landing/toy_flows", "landing/.journal", "ops", ""]
)
def test_a_directory_that_may_not_be_written_stops_a_load_with_a_clear_message(
    place: str, files: tuple[Path, Path], nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    home = tmp_path / "home"
    first, second = files
    assert _ingest(nursery, tmp_path, home, first).answer() == 0
    (home / "archive" / "toy_flows").rename(home / "archive" / "old")  # it must be made anew
    (home / place).mkdir(exist_ok=True)
    (home / place).chmod(0o500)
    try:
        ended = _ingest(nursery, tmp_path, home, second, without_rights=True)
    finally:
        (home / place).chmod(0o700)
    told = _clear_message(ended, "ermission")
    assert told, f"it was written all the same\n{ended.printed}"
    assert _ingest(nursery, tmp_path, home, second).answer() == 0
    _commit(nursery, home)
    check_toy(home, expected(first), expected(second))
    note(
        f"no permission to write `{place or 'DVINA_HOME'}`",
        1,
        "exit code 3, the message names it; works when mended",
    )


def test_a_file_that_may_not_be_read_is_named(
    files: tuple[Path, Path], nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    files[0].chmod(0)
    ended = _ingest(nursery, tmp_path, tmp_path / "home", files[0], without_rights=True)
    assert ended.answer() in (2, 3)
    assert files[0].name in ended.printed
    assert "ermission" in ended.printed
    assert "Traceback" not in ended.printed
    note("no permission to read the file", 1, f"exit code {ended.value}, the message names it")


def test_a_file_in_the_place_of_a_directory_is_named(
    files: tuple[Path, Path], nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    for place in ("archive", "landing", "ops"):
        home = tmp_path / place
        home.mkdir()
        (home / place).write_text("in the way")
        ended = _ingest(nursery, tmp_path, home, files[0])
        assert _clear_message(ended, "exists", "ot a directory"), ended.printed
        (home / place).unlink()
        assert _ingest(nursery, tmp_path, home, files[0]).answer() == 0
        check_toy(home, expected(files[0]))
    note(
        "a file where a directory must be",
        3,
        "exit code 3, the message names it; works when mended",
    )


def _fill_and_load(
    files: tuple[Path, Path], nursery: Nursery, folder: Path, note: Note, free: tuple[int, ...]
) -> None:
    first, second = files

    def work() -> tuple[bool, list[str], list[str]]:
        disk = small_disk(folder / "disk", 64)
        base, home = folder / "base", disk.place / "home"
        told, wrong = [], []
        with nursery_in(folder / "within") as inner:
            assert _ingest(inner, folder, base, first).answer() == 0
            for left in free:
                shutil.copytree(base, home, symlinks=True)
                try:
                    told.append(_load_with(disk, left, inner, folder, home, first, second))
                except AssertionError as error:
                    wrong.append(f"{left} KB free: {str(error)[:1500]}")
                disk.clear()
                shutil.rmtree(home)
        return disk.mounted, told, wrong

    mounted, told, wrong = nursery.run(work, bound_s=1100).answer()
    assert not wrong, "\n\n".join(wrong)
    assert any(told), "the disk was never full"
    assert not all(told), "the disk was always full"
    note(
        f"load onto a full {_kind(mounted)}",
        len(free),
        f"{_refusals(told)}; all or nothing each time; loaded when there was space",
    )


def _load_with(
    disk: Disk, left: int, inner: Nursery, folder: Path, home: Path, first: Path, second: Path
) -> str:
    disk.fill(left * KILOBYTE)
    ended = _ingest(inner, folder, home, second)
    disk.clear()
    told = _clear_message(ended)
    again = _ingest(inner, folder, home, second)
    assert again.answer() == 0, again.printed
    _commit(inner, home)
    check_toy(home, expected(first), expected(second))
    return told


def _clear_message(ended: Ended, *words: str) -> str:
    """What was told by a command that failed for its environment; empty when it succeeded."""
    code = ended.answer()
    assert "Traceback" not in ended.printed, ended.printed
    if code == 0:
        return ""
    assert code == ENVIRONMENT_FAILED, f"exit code {code}\n{ended.printed}"
    words = words or (
        "space",
        "too large",
    )  # no space left on device, no more space, file too large
    assert any(word in ended.printed for word in words), ended.printed
    return ended.printed


def _ingest(
    nursery: Nursery, folder: Path, home: Path, path: Path, *, without_rights: bool = False
) -> Ended:
    arguments = ("ingest", "toy_flows", "--from", str(path))
    variables = {"DVINA_CONTRACTS": str(folder / "contracts")}
    return nursery.run(lambda: _command(home, arguments, without_rights), variables)


def _commit(nursery: Nursery, home: Path) -> None:
    """What any next command that writes begins with: the side store is brought up to the ledger."""
    from dvina import pipeline

    nursery.run(lambda: pipeline.commit(settings(home))).answer()


def _dvina(folder: Path, home: Path, arguments: tuple[str, ...]) -> Ended:
    with nursery_in(folder / "within") as nursery:
        return nursery.run(lambda: _command(home, arguments, False))


def _command(home: Path, arguments: tuple[str, ...], without_rights: bool) -> Any:
    """The command line in this process, as its entry point calls it; gives the exit code."""
    from dvina import cli

    os.environ |= {"DVINA_HOME": str(home), "DVINA_INBOX": str(SAMPLES), "COLUMNS": "200"}
    cli.settings.cache_clear()
    sys.argv = ["dvina", *arguments]
    if without_rights:
        give_up_rights()
    with suppress(SystemExit):
        return cli._guarded(cli.app)
    return None


def _kind(mounted: bool) -> str:
    return "disk" if mounted else "quota (a bound on the size of files)"


def _refusals(told: list[str]) -> str:
    return f"{sum(map(bool, told))} ended with exit code 3 and said why"
