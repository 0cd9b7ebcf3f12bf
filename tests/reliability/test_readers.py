"""Eight processes read the published link while loads, builds and publishes happen: none ever fails,
and each answer is that of one whole version."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.reliability.conftest import TOTALS, Prepared, load, revise_totals
from tests.reliability.invariants import check_home, check_published
from tests.reliability.processes import Nursery

AREA = "Many processes at once"
Note = Callable[[str, int, str], None]
READERS = 8
PAUSE_S = 0.5  # eight that never rest would leave the two cores of CI nothing to publish with
Answer = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Read:
    """What one reader got: how many answers, which different ones, and what was wrong."""

    looks: int
    answers: set[Answer]
    wrong: list[str]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_eight_readers_get_whole_versions_only(
    prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _readers(prepared, nursery, tmp_path, note, seconds=12, publishes=4)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_eight_readers_get_whole_versions_only_for_a_minute_and_twenty_publishes(
    prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _readers(prepared, nursery, tmp_path, note, seconds=60, publishes=20)


def _readers(
    prepared: Prepared, nursery: Nursery, folder: Path, note: Note, seconds: float, publishes: int
) -> None:
    conf = prepared.copy(prepared.published, folder / "home").model_copy(
        update={"lock_wait_s": 120}
    )
    stop, bound_s = folder / "stop", 400 + 10 * seconds
    before = _answer(conf.home / "published" / "current.duckdb")
    loader = nursery.start(lambda: _load_on(conf, folder, stop), bound_s=bound_s)
    readers = [
        nursery.start(lambda n=n: _read_on(conf.home, stop, n), bound_s=bound_s)
        for n in range(READERS)
    ]
    published, builds = nursery.run(
        lambda: _publish_on(conf, seconds, publishes), bound_s=bound_s
    ).answer()
    stop.touch()
    loads = loader.wait().answer()
    seen = [reader.wait().answer() for reader in readers]
    assert [wrong for read in seen for wrong in read.wrong] == []
    assert all(read.looks >= 3 for read in seen), [read.looks for read in seen]
    assert len(published) >= publishes
    assert builds >= 1
    assert loads >= 1
    versions = {before, *published}
    assert len(versions) >= publishes
    answers = set().union(*(read.answers for read in seen))
    assert answers <= versions | set(map(_marts, versions)), "an answer is that of no version"
    assert len(answers) >= min(3, publishes), "the readers met no switch"
    check_home(conf.home)
    check_published(conf.home)
    note(
        f"{READERS} processes read the published link for {seconds:.0f} s and more", 1,
        f"{sum(read.looks for read in seen)} answers beside {loads} loads, {builds} builds and "
        f"{len(published)} publishes: no error, each equals one whole version",
    )  # fmt: skip


def _load_on(conf: Any, folder: Path, stop: Path) -> int:
    """Bring one revision after the other in; how many."""
    loads = 0
    while not stop.exists():
        path = revise_totals(folder / f"totals-{loads}.csv", loads + 3)
        assert load(conf, TOTALS, path) == "accepted"
        loads += 1
        time.sleep(1)
    return loads


def _publish_on(conf: Any, seconds: float, publishes: int) -> tuple[list[Answer], int]:
    """Build and publish, publish what is built, and go on; each new version's answer."""
    from dvina.build import build_and_publish, publish_built

    versions: dict[str, Answer] = {}
    began, builds, turn = time.monotonic(), 0, 0
    while time.monotonic() - began < seconds or len(versions) < publishes:
        outcome = build_and_publish(conf) if turn % 4 == 0 else publish_built(conf)
        assert outcome.state != "failed", outcome.message
        builds += turn % 4 == 0
        turn += 1
        if outcome.state == "published":
            assert outcome.version_id is not None
            folder = conf.home / "published" / "versions" / outcome.version_id
            versions[outcome.version_id] = _answer(folder / "dvina.duckdb")
    return list(versions.values()), builds


def _read_on(home: Path, stop: Path, number: int) -> Read:
    """Open the link, ask, and open it again; every fourth reader reads Parquet."""
    published = home / "published"
    looks, answers, wrong = 0, set(), []
    while not stop.exists():
        try:
            if number % 4 == 3:
                answer = _answer_of_parquet((published / "current").resolve())
            else:
                answer = _answer(published / "current.duckdb", again=number % 2 == 0)
            answers.add(answer)
            looks += 1
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
        time.sleep(PAUSE_S)
    return Read(looks, answers, wrong)


def _answer(database: Path, *, again: bool = False) -> Answer:
    """What a version says: of every table the number of rows and a sum over all of its values."""
    with duckdb.connect(str(database), read_only=True) as reader:
        names = [
            f"{schema}.{name}"
            for schema, name in reader.execute(
                "select schema_name, table_name from duckdb_tables() order by 1, 2"
            ).fetchall()
        ]
        answer = _ask(reader, [(name, f"dvina.{name}") for name in names])
        if again:  # whatever was published meanwhile, who has a version open keeps it
            time.sleep(0.2)
            assert _ask(reader, [(name, f"dvina.{name}") for name in names]) == answer
        return answer


def _answer_of_parquet(version: Path) -> Answer:
    """The same of the marts, from Parquet: a reader resolves the link once and stays there."""
    with duckdb.connect(":memory:") as reader:
        names = sorted(folder.name for folder in (version / "parquet").iterdir())
        files = "read_parquet('{}/parquet/{}/*.parquet')"
        return _ask(reader, [(f"marts.{name}", files.format(version, name)) for name in names])


def _marts(answer: Answer) -> Answer:
    return tuple((name, told) for name, told in answer if name.startswith("marts."))


def _ask(reader: duckdb.DuckDBPyConnection, sources: list[tuple[str, str]]) -> Answer:
    assert sources
    reader.execute("set threads = 1")
    found = []
    for name, source in sources:
        row = reader.execute(f"select concat(count(*), ' ', sum(hash(t))) from {source} as t")
        found.append((name, str((row.fetchone() or [None])[0])))
    return tuple(found)
