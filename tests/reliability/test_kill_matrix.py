"""Kills the process at every named step, runs again, and looks whether anything was lost or twice.

The scenarios come from ``ingest.steps.STEPS``: a step without one fails. A kill point that is
never reached fails too.
"""

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dvina import pipeline
from ingest.steps import STEPS
from tests.reliability.conftest import Prepared, load, settings
from tests.reliability.invariants import (
    Expected,
    check_home,
    check_published,
    check_toy,
    expected,
    marts,
    revised,
)
from tests.reliability.processes import Nursery, nursery_in
from tests.support import HEADER, toy
from warehouse.lock import writer_lock

AREA = "A process killed at any point"
Note = Callable[[str, int, str], None]

LOADING = tuple(s for s in STEPS if s.split(".")[0] in ("ingest", "gate", "commit"))
BUILDING = tuple(s for s in STEPS if s.startswith("build."))
PUBLISHING = tuple(s for s in STEPS if s.startswith("publish."))
STREAMING = tuple(s for s in STEPS if s.split(".")[0] in ("stream", "compact"))  # tests/streams
OTHERS = ("clean.before_remove", "backup.mid_copy")
MONTHS = [f"{year}-{month:02d}" for year in (2021, 2022) for month in range(1, 13)]
SMALL_BLOCK, SMALL_SEGMENT = 16 * 1024, 1500


class Toy:
    """Two files of a toy dataset, the second a revision, and a home that has the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contracts = folder / "contracts"
        toy(self.contracts)
        self.first = _toy_file(folder / "first.csv", seed=1, months=MONTHS[:18])
        self.second = _toy_file(folder / "second.csv", seed=2, months=MONTHS[6:])
        self.base = folder / "base"
        self.want: tuple[Expected, Expected] = (expected(self.first), expected(self.second))
        with nursery_in(folder / "children") as nursery:
            assert (
                nursery.run(self.loads(self.base, self.first), self.variables()).answer()
                == "accepted"
            )

    def home(self, target: Path) -> Path:
        """A home of its own that has the first file."""
        shutil.copytree(self.base, target, symlinks=True)
        return target

    def loads(self, home: Path, path: Path) -> Callable[[], str]:
        """The work of loading a file in small blocks, so that a small file is many of them."""

        def work() -> str:
            from ingest import segment_writer
            from ingest.sources import delimited, runs

            runs.RUN_BYTES = 2 * SMALL_BLOCK
            delimited.BLOCK_BYTES, segment_writer.SEGMENT_ROWS = SMALL_BLOCK, SMALL_SEGMENT
            return load(settings(home), "toy_flows", path)

        return work

    def variables(self, kill_at: str = "") -> dict[str, str]:
        """The environment of a child, with where it is to be killed."""
        return {"DVINA_CONTRACTS": str(self.contracts), "DVINA_KILL_AT": kill_at}


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return Toy(tmp_path_factory.mktemp("toys"))


def test_every_named_step_has_a_kill_scenario() -> None:
    assert sorted(STEPS) == sorted((*LOADING, *BUILDING, *PUBLISHING, *STREAMING, *OTHERS))


@pytest.mark.parametrize("step", LOADING)
def test_a_load_killed_at_a_step_is_whole_after_the_next_run(
    step: str, toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _kill_a_load(step, toys, nursery, tmp_path / "home")
    note(f"load killed at `{step}`", 1, "run again: every row once, nothing left over")


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("step", LOADING)
def test_a_load_killed_twenty_times_at_a_step_is_whole_each_time(
    step: str, toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    tries = _times(20)
    for number in range(tries):
        # Steps that a load passes more than once are met at another passing each time.
        nth = 1 + number % 5 if step == "ingest.mid_segment" else 1
        _kill_a_load(f"{step}:{nth}", toys, nursery, tmp_path / str(number))
        shutil.rmtree(tmp_path / str(number))
    note(f"load killed at `{step}`", tries, "run again: every row once, nothing left over")


def test_two_kills_in_a_row_at_different_steps_lose_nothing(
    toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    home = toys.home(tmp_path / "home")
    for step in ("ingest.mid_segment:2", "gate.before", "commit.superseding", "commit.committed"):
        assert nursery.run(toys.loads(home, toys.second), toys.variables(step)).killed, step
    _finish(toys, nursery, home, toys.second)
    check_toy(home, *toys.want)
    note("load killed four times, at a later step each time", 1, "run again: every row once")


def test_a_copy_that_a_killed_fetch_left_is_gone_after_a_day(
    toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    home, big = toys.home(tmp_path / "home"), tmp_path / "big.csv"
    with big.open("wb") as file:
        file.truncate(1024**3)  # takes no room, but a while to copy
    child = nursery.start(toys.loads(home, big), toys.variables())
    while not list((home / "archive").rglob("*.part")) and child.runs():
        time.sleep(0.002)
    child.kill()
    assert child.wait().killed
    (left,) = (home / "archive").rglob("*.part")
    _finish(toys, nursery, home, toys.second)
    check_toy(home, *toys.want)
    assert left.is_file(), "a copy this young may have a living writer"
    os.utime(left, (time.time() - 2 * 86_400,) * 2)
    _finish(toys, nursery, home, toys.second)
    assert not left.exists()
    note(
        "load killed while it fetches a file",
        1,
        "run again: every row once; the half copy goes after a day",
    )


@pytest.mark.parametrize("step", BUILDING)
def test_a_build_killed_at_a_step_is_repeated_and_published(
    step: str, prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _kill_a_build(step, prepared.revised, prepared, nursery, tmp_path / "home")
    note(
        f"build killed at `{step}`",
        1,
        "readers kept the former version; run again: published whole",
    )


@pytest.mark.parametrize("step", PUBLISHING)
def test_a_publication_killed_at_a_step_is_completed(
    step: str, prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _kill_a_build(step, prepared.built, prepared, nursery, tmp_path / "home")
    note(
        f"publication killed at `{step}`",
        1,
        "readers had a whole version at all times; run again: published whole",
    )


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", [*BUILDING, *PUBLISHING])
def test_a_build_killed_at_a_step_again_and_again_is_published(
    step: str, prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    tries = _times(20)
    start = prepared.revised if step in BUILDING else prepared.built
    for number in range(tries):
        nth = 1 + 7 * (number % 4) if step in ("build.mid_models", "publish.mid_write") else 1
        nth = min(nth, 8) if step == "publish.mid_write" else nth
        _kill_a_build(f"{step}:{nth}", start, prepared, nursery, tmp_path / str(number))
        shutil.rmtree(tmp_path / str(number))
    note(f"build killed at `{step}`", tries, "run again: published whole")


def test_a_first_publication_that_was_killed_is_completed(
    prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    for step in PUBLISHING:
        home = prepared.copy(prepared.built, tmp_path / step).home
        shutil.rmtree(home / "published")
        assert nursery.run(lambda home=home: _publish(home), {"DVINA_KILL_AT": step}).killed
        nursery.run(lambda home=home: _publish(home)).answer()
        check_published(home)
        assert marts(home) == prepared.marts
    note(
        "very first publication killed at each of its steps",
        len(PUBLISHING),
        "run again: published whole",
    )


def test_cleaning_killed_in_the_middle_is_finished_by_the_next_run(
    toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _kill_cleaning(toys, nursery, tmp_path / "home")
    note("cleaning killed at `clean.before_remove`", 1, "run again: leftovers gone, every row once")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_cleaning_killed_twenty_times_is_finished_each_time(
    toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    tries = _times(20)
    for number in range(tries):
        _kill_cleaning(toys, nursery, tmp_path / str(number))
    note(
        "cleaning killed at `clean.before_remove`",
        tries,
        "run again: leftovers gone, every row once",
    )


def test_a_backup_killed_in_the_middle_is_no_backup_and_the_next_one_is_whole(
    toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _kill_a_backup(toys, nursery, tmp_path)
    note(
        "backup killed at `backup.mid_copy`",
        1,
        "no half backup looks whole; the next one restores every row",
    )


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_backup_killed_twenty_times_leaves_no_half_backup(
    toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    tries = _times(20)
    for number in range(tries):
        _kill_a_backup(toys, nursery, tmp_path / str(number))
        shutil.rmtree(tmp_path / str(number))
    note(
        "backup killed at `backup.mid_copy`",
        tries,
        "no half backup looks whole; the next one restores every row",
    )


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_loads_killed_at_random_moments_lose_nothing(
    toys: Toy, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    seed = int(os.environ.get("DVINA_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}: repeat with DVINA_TEST_SEED={seed}")
    dice, tries, killed, number = random.Random(seed), _times(50), 0, 0
    usual = nursery.run(toys.loads(toys.home(tmp_path / "usual"), toys.second), toys.variables())
    while killed < tries and number < tries * 5:  # some end before they are killed
        number += 1
        home = toys.home(tmp_path / str(number))
        child = nursery.start(toys.loads(home, toys.second), toys.variables())
        time.sleep(dice.uniform(0, usual.seconds))
        child.kill()
        killed += child.wait().killed
        _finish(toys, nursery, home, toys.second)
        check_toy(home, *toys.want)
        shutil.rmtree(home)
    assert killed == tries, "most loads ended before they were killed"
    note("load killed at a random moment", tries, "run again: every row once, each time")


def _kill_a_load(step: str, toys: Toy, nursery: Nursery, target: Path) -> None:
    home = toys.home(target)
    ended = nursery.run(toys.loads(home, toys.second), toys.variables(step))
    assert ended.killed, f"{step} was not reached\n{ended.error}\n{ended.printed}"
    assert _in_force(home) in (_values(toys.want[0]), _values(*toys.want)), "a half load is visible"
    _finish(toys, nursery, home, toys.second)
    check_toy(home, *toys.want)
    assert nursery.run(toys.loads(home, toys.second), toys.variables()).answer() == "unchanged"
    check_toy(home, *toys.want)


def _kill_a_backup(toys: Toy, nursery: Nursery, folder: Path) -> None:
    from warehouse.backup import backup, restore

    home, target = toys.home(folder / "home"), folder / "backups"

    def work() -> str:
        with writer_lock(home, 30):
            return str(backup(home, target))

    ended = nursery.run(work, toys.variables("backup.mid_copy"))
    assert ended.killed, ended.printed
    assert [p.name for p in target.glob("[!.]*")] == [], "a half backup looks like a whole one"
    whole = Path(nursery.run(work, toys.variables()).answer())
    other = folder / "restored"
    other.mkdir()
    nursery.run(lambda: restore(whole, other), toys.variables()).answer()
    for place in (home, other):
        check_toy(place, toys.want[0])
    _finish(toys, nursery, other, toys.second)
    check_toy(other, *toys.want)


def _kill_cleaning(toys: Toy, nursery: Nursery, target: Path) -> None:
    home = toys.home(target)
    for step in ("ingest.mid_segment:3", "clean.before_remove"):
        ended = nursery.run(toys.loads(home, toys.second), toys.variables(step))
        assert ended.killed, f"{step} was not reached\n{ended.error}\n{ended.printed}"
    _finish(toys, nursery, home, toys.second)
    check_toy(home, *toys.want)


def _kill_a_build(
    step: str, start: Path, prepared: Prepared, nursery: Nursery, target: Path
) -> None:
    home = prepared.copy(start, target).home
    before = check_published(home)
    ended = nursery.run(lambda: _publish(home), {"DVINA_KILL_AT": step})
    assert ended.killed, f"{step} was not reached\n{ended.error}\n{ended.printed}"
    seen = check_published(home)
    assert (seen != before) == step.startswith("publish.after_switch")
    state = nursery.run(lambda: _publish(home)).answer()
    assert state == ("unchanged" if seen != before else "published")
    assert check_published(home) != before
    assert marts(home) == prepared.marts
    assert list((home / "published" / "versions").glob(".*")) == []
    assert nursery.run(lambda: _publish(home)).answer() == "unchanged"
    check_home(home)


def _publish(home: Path) -> str:
    from dvina.build import build_and_publish

    outcome = build_and_publish(settings(home))
    assert outcome.state != "failed", outcome.message
    return outcome.state


def _finish(toys: Toy, nursery: Nursery, home: Path, path: Path) -> None:
    state = nursery.run(toys.loads(home, path), toys.variables()).answer()
    assert state in ("accepted", "unchanged"), state
    # Where the load stood already no lock was taken: the next writer brings the side store up.
    nursery.run(lambda: pipeline.commit(settings(home)), toys.variables()).answer()


def _in_force(home: Path) -> dict[tuple[str, ...], object]:
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as reader:
        rows = reader.execute(
            "select reporter_code, period, commodity_code, value_usd "
            "from accepted.toy_flows_as_of(1000000)"
        ).fetchall()
    assert len(rows) == len({row[:3] for row in rows})
    return {row[:3]: row[3] for row in rows}


def _values(*files: Expected) -> dict[tuple[str, ...], object]:
    return dict(revised(*files))


def _times(usual: int) -> int:
    """How often; ``DVINA_TEST_TRIES`` makes the long tests shorter while one works on them."""
    return min(usual, int(os.environ.get("DVINA_TEST_TRIES", usual)))


def _toy_file(path: Path, seed: int, months: list[str]) -> Path:
    """Good rows, some refused for their country or value, some repeated exactly."""
    dice = random.Random(seed)
    lines = []
    for country in ("Belarus", "Russia", "Germany"):
        for month in months:
            steady = dice.random() < 0.3  # the same in every file: a slice that stands already
            for code in range(8701, 8761):
                value = (
                    f"{code}.00" if steady else f"{dice.randrange(10**6)}.{dice.randrange(100):02d}"
                )
                lines.append(f"{country},{month},{code},{value},,someone@example.org\n")
    lines += dice.sample(lines, 40)
    lines += [f"Atlantis,2021-01,{code},1,,x@example.org\n" for code in range(8701, 8731)]
    lines += [f"Russia,2021-01,{code},a lot,,x@example.org\n" for code in range(8701, 8721)]
    dice.shuffle(lines)
    path.write_text(HEADER + "".join(lines))
    return path
