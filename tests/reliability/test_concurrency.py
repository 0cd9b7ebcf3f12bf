"""Many loads, a build and readers at once: they wait for each other, and none fails."""

import csv
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.reliability.conftest import SAMPLES, TOTALS, Prepared, load, revise_totals, settings
from tests.reliability.invariants import check_home, check_published
from tests.reliability.processes import Nursery
from tests.support import rows, toy
from warehouse import side
from warehouse.database import open_warehouse

AREA = "Many processes at once"
Note = Callable[[str, int, str], None]
FLOWS, LOANS = "customs_eurostat_flows", "loans_ids_flows"
LOADERS, LOCK_WAIT_S = 8, 60
MARTS = ("mart_sector_trade", "mart_sector_loans")


@dataclass(frozen=True)
class Seen:
    """What one reader saw: how often it looked, which versions, and what was wrong."""

    looks: int
    versions: set[str]
    wrong: list[str]


@pytest.mark.timeout(900)
def test_loads_a_build_and_readers_work_side_by_side(
    prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _side_by_side(prepared, nursery, tmp_path, note, builds=2)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_loads_and_readers_work_beside_many_builds(
    prepared: Prepared, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    _side_by_side(prepared, nursery, tmp_path, note, builds=min(10, _tries(10)))


def test_eight_processes_that_bring_the_same_file_make_one_load(
    nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    home, path = tmp_path / "home", SAMPLES / TOTALS / f"{TOTALS}.csv"
    _at_once(
        nursery, [lambda: load(settings(home), TOTALS, path)] * LOADERS, ("accepted", "unchanged")
    )
    assert len(side.loads(home)) == 1
    check_home(home)
    note("eight processes bring the same file at once", 1, "one load, every row once")


@pytest.mark.parametrize("days", [0, 1])
def test_processes_that_load_one_dataset_leave_each_others_bytes_alone(
    days: int, nursery: Nursery, tmp_path: Path, note: Note
) -> None:
    home, contracts = tmp_path / "home", tmp_path / "contracts"
    toy(contracts, keep_archive_days=days, limits={"max_quarantined_share": 0.5})
    files = [tmp_path / f"{n}.csv" for n in range(LOADERS)]
    for number, path in enumerate(files):
        path.write_text(rows(*(f"Russia,20{number:02d}-01,{c},1," for c in range(1000, 9000))))
    work = [lambda p=p: load(settings(home), "toy_flows", p) for p in files]
    for _ in range(2):
        _at_once(nursery, work, ("accepted", "unchanged"), {"DVINA_CONTRACTS": str(contracts)})
    assert sum(entry["rows_landed"] for entry in side.loads(home)) == 8000 * LOADERS
    check_home(home)
    left = list((home / "archive").rglob("*"))
    assert [p for p in left if p.is_file()] == [] if days == 0 else left
    note(
        f"eight files of one dataset at once, bytes kept {days} days",
        2,
        "all accepted, none took another's bytes",
    )


def _side_by_side(
    prepared: Prepared, nursery: Nursery, folder: Path, note: Note, builds: int
) -> None:
    conf = prepared.copy(prepared.published, folder / "home").model_copy(
        update={"lock_wait_s": LOCK_WAIT_S}
    )
    home, work = conf.home, _loads(folder)
    before = len(side.loads(home))
    stop = folder / "stop"
    bound_s = 200 + 150 * builds  # of a machine that is busy with other tests, too
    readers = [nursery.start(lambda: _read(home, stop), bound_s=bound_s) for _ in range(2)]
    builder = nursery.start(lambda: _build(conf, builds), bound_s=bound_s)
    assert _wait_for(lambda: (home / "warehouse.lock.holder").exists(), 30)
    loaders = [
        nursery.start(
            lambda files=files, n=n: _load(conf, files, pause_s=n * builds * 0.6), bound_s=bound_s
        )
        for n, files in enumerate(work)
    ]
    took = [second for loader in loaders for second in loader.wait().answer()]
    states = builder.wait().answer()
    stop.touch()
    seen = [reader.wait().answer() for reader in readers]
    assert set(states) <= {"published", "unchanged"}, states  # nothing came between two builds
    assert states[0] == "published"
    assert len(side.loads(home)) - before == sum(len(files) for files in work) == len(took)
    assert all(entry["decisions"][0]["decision"] == "accepted" for entry in side.loads(home))
    assert sum(s.looks for s in seen) >= 20
    assert [wrong for s in seen for wrong in s.wrong] == []
    assert len(set().union(*(s.versions for s in seen))) >= 2, "no reader met a switch"
    spans, beside = _committed_beside(home)
    assert len(spans) == builds
    assert beside, "no load was committed while a build ran"
    check_home(home)
    check_published(home)
    longest = max(end - start for start, end in spans)
    note(
        f"{LOADERS} processes load {len(took)} files beside {builds} builds and 2 readers", 1,
        f"all loads there; {beside} committed while a build ran; the slowest load took {max(took):.1f} s "
        f"beside builds of up to {longest:.1f} s; {sum(s.looks for s in seen)} looks of readers, all whole",
    )  # fmt: skip


def _loads(folder: Path) -> list[list[tuple[str, Path]]]:
    """Files for eight processes: revised slices of three datasets, each file other slices."""
    flows = _split(folder, FLOWS, by=("reporter", "period"), value="value_eur", parts=12)
    loans = _split(folder, LOANS, by=("country", "counterpart_area"), value="value", parts=4)
    files = [(FLOWS, p) for p in flows] + [(LOANS, p) for p in loans]
    files += [(TOTALS, revise_totals(folder / "totals.csv", 3))]
    return [files[n::LOADERS] for n in range(LOADERS)]


def _split(folder: Path, dataset: str, by: tuple[str, ...], value: str, parts: int) -> list[Path]:
    """The sample in several files by whole slices, every value raised by one."""
    with (SAMPLES / dataset / f"{dataset}.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    groups: dict[int, list[dict[str, str]]] = defaultdict(list)
    numbers: dict[tuple[str, ...], int] = {}
    for record in records:
        number = numbers.setdefault(tuple(record[name] for name in by), len(numbers))
        whole = (
            str(float(record[value]) + 1) if "." in record[value] else str(int(record[value]) + 1)
        )
        groups[number % parts].append({**record, value: whole})
    assert len(groups) == parts
    paths = []
    for number, group in sorted(groups.items()):
        paths.append(folder / f"{dataset}-{number}.csv")
        with paths[-1].open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(group)
    return paths


def _load(conf: Any, files: list[tuple[str, Path]], pause_s: float) -> list[float]:
    """Bring files in one after another; how many seconds each took."""
    time.sleep(pause_s)
    took = []
    for dataset, path in files:
        began = time.monotonic()
        assert load(conf, dataset, path) == "accepted", path.name
        took.append(time.monotonic() - began)
    return took


def _build(conf: Any, builds: int) -> list[str]:
    from dvina.build import build_and_publish

    states = []
    for _ in range(builds):
        outcome = build_and_publish(conf, force=True)
        assert outcome.state != "failed", outcome.message
        states.append(outcome.state)
    return states


def _read(home: Path, stop: Path) -> Seen:
    """Look at what is published as a BI tool would, again and again until told to stop."""
    looks, versions, wrong = 0, set(), []
    while not stop.exists():
        try:
            before = _manifest(home)
            with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as reader:
                counts = {
                    name: str(
                        (reader.execute(f"select count(*) from {name}").fetchone() or [None])[0]
                    )
                    for name in before["tables"]
                }
                for mart in MARTS:
                    reader.execute(f"select sum(hash(m)) from marts.{mart} as m").fetchone()
            after = _manifest(home)
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
            continue
        whole = [{n: c.split(":")[0] for n, c in m["tables"].items()} for m in (before, after)]
        if counts not in whole:
            wrong.append(f"{before['version_id']}: {counts}")
        looks += 1
        versions |= {before["version_id"], after["version_id"]}
        time.sleep(0.05)
    return Seen(looks, versions, wrong)


def _manifest(home: Path) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(
        (home / "published" / "current" / "manifest.json").read_text()
    )
    return entry


def _committed_beside(home: Path) -> tuple[list[tuple[float, float]], int]:
    """Start and end of each build of this test, and how many loads were committed within one."""
    with open_warehouse(home) as connection:
        builds = connection.execute(
            "select epoch(min(noted_at)), epoch(max(noted_at)) from ledger.builds "
            "group by build_id having bool_or(state = 'reached') order by 1"
        ).fetchall()[1:]  # the first is of the prepared home
        commits = connection.execute("select epoch(committed_at) from ledger.loads").fetchall()
    beside = sum(any(start < at < end for start, end in builds) for (at,) in commits)
    return builds, beside


def _at_once(
    nursery: Nursery,
    works: list[Callable[[], str]],
    allowed: tuple[str, ...],
    environment: dict[str, str] | None = None,
) -> None:
    children = [nursery.start(work, environment) for work in works]
    states = [child.wait().answer() for child in children]
    assert set(states) <= set(allowed), states


def _wait_for(what: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _tries(usual: int) -> int:
    return min(usual, int(os.environ.get("DVINA_TEST_TRIES", usual)))
