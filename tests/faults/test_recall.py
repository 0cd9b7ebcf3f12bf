"""Planted faults are caught, clean loads are not doubted; the table goes to docs/quality.md.

Thresholds were fixed on the made-up months of tests/expectations/test_history.py. The short form
runs on what the repository ships; the long one on files of nine publishers, and writes the page.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dvina import pipeline
from dvina.alerts import store
from dvina.alerts.sweep import sweep
from dvina.build import note_of_build
from dvina.settings import Settings
from expectations.gate import judge_marts, warm
from expectations.incidents import Incident
from ingest.contract import _load
from tests.conftest import PROJECT, SAMPLES, needs_samples
from tests.expectations.conftest import TABLES
from tests.faults.injector import FAULTS, REVISIONS, Fault, Place, as_file
from tests.faults.page import Line, write_page
from tests.faults.publishers import Publisher, Row, everything, only_shipped, write_contracts

SEED = 20261126
CLEAN_OF_EACH = 8
# What no rule can see in one load alone; it needs another source or a person. Of the small shipped
# sample, months that halve by themselves hide a halved volume, too.
INVISIBLE = {"currency_euro", "halved_volume", "one_huge_row"}


@dataclass(frozen=True)
class Judged:
    """What became of one file: decided how, which incidents are open afterwards."""

    state: str
    incidents: tuple[Incident, ...]
    errored: tuple[str, ...]


class Laboratory:
    """A home for each publisher, in which its history is accepted."""

    def __init__(self, folder: Path, publishers: list[Publisher]) -> None:
        self.folder = folder
        self.publishers = publishers
        self.numbers = iter(range(10**6))
        write_contracts(folder / "contracts", publishers)
        os.environ["DVINA_CONTRACTS"] = str(folder / "contracts")
        _load.cache_clear()
        warm()
        for publisher in publishers:
            for _, rows in publisher.slices[: publisher.history]:
                judged = self.ingest(self.home(publisher), publisher, as_file(rows))
                assert judged.state == "accepted", [i.text for i in judged.incidents]
            self.settle(publisher)

    def settle(self, publisher: Publisher) -> None:
        """Whatever was open of the history is closed: it is not what is measured."""
        for path in (self.home(publisher) / "ops" / "incidents").glob("*.json"):
            path.unlink()

    def home(self, publisher: Publisher) -> Path:
        return self.folder / "homes" / publisher.dataset

    @contextmanager
    def copy_of(self, publisher: Publisher) -> Iterator[Path]:
        """A home like the publisher's, for one fault."""
        copied = self.folder / "copy"
        shutil.copytree(self.home(publisher), copied)
        try:
            yield copied
        finally:
            shutil.rmtree(copied)

    def ingest(self, home: Path, publisher: Publisher, content: bytes) -> Judged:
        path = self.folder / f"file{next(self.numbers):05}.csv"
        path.write_bytes(content)
        outcome = pipeline.ingest(Settings(home=home), publisher.dataset, str(path))
        path.unlink()
        opened = tuple(i for i in store.incidents(home) if i.is_open)
        verdict = home / "landing" / publisher.dataset / outcome.load_id / "verdict.json"
        text = verdict.read_text() if verdict.is_file() else ""
        return Judged(outcome.state, opened, ("errored",) if '"errored"' in text else ())


def plant(laboratory: Laboratory, name: str, fault: Fault, draw: random.Random) -> Line | None:
    """Plant one fault at one publisher drawn; a revision is of the last slice of the history."""
    publisher = draw.choice(laboratory.publishers)
    revision = name in REVISIONS
    at = (
        publisher.history - 1
        if revision
        else draw.randrange(publisher.history, len(publisher.slices))
    )
    before: list[Row] = publisher.slices[publisher.history - 1][1]
    content = fault(Place(publisher, publisher.slices[at][1], before, draw))
    if content is None:
        return None
    with laboratory.copy_of(publisher) as home:
        judged = laboratory.ingest(home, publisher, content)
    assert judged.errored == (), (name, publisher.name, judged)
    return Line.of(name, publisher.name, publisher.slices[at][0], judged.state, judged.incidents)


def planted(laboratory: Laboratory, each: int, marts: Path) -> list[Line]:
    in_marts = _in_marts(laboratory, marts)
    draw = random.Random(SEED)
    lines: list[Line] = []
    for name, fault in {**FAULTS, **REVISIONS}.items():
        found: list[Line] = []
        for _ in range(each * 6):
            if len(found) < each and (line := plant(laboratory, name, fault, draw)):
                found.append(line)
        assert found, name
        lines += found
    return [*lines, *_apart(laboratory), *in_marts]


def _apart(laboratory: Laboratory) -> list[Line]:
    """Faults that are of no single load."""
    publisher, lines = laboratory.publishers[0], []
    later = datetime.now(UTC) + timedelta(days=200)
    with laboratory.copy_of(publisher) as home:  # nothing came for long
        sweep(Settings(home=home), later)
        lines.append(Line.of("missing_or_late_file", publisher.name, "-", "-", _open(home)))
    with laboratory.copy_of(publisher) as home:
        store.task_failed(home, "ingest_customs", publisher.dataset, {"error": "host not found"})
        sweep(Settings(home=home))
        lines.append(Line.of("task_of_airflow_failed", publisher.name, "-", "-", _open(home)))
    with laboratory.copy_of(publisher) as home:  # what was revised comes back as it was
        name, rows = publisher.slices[publisher.history - 1]
        place = Place(publisher, rows, rows, random.Random(SEED))
        revised = REVISIONS["history_restated_by_5_percent"](place)
        assert revised is not None
        assert laboratory.ingest(home, publisher, revised).state == "accepted"
        judged = laboratory.ingest(home, publisher, as_file(rows))
        lines.append(Line.of("stale_copy", publisher.name, name, judged.state, judged.incidents))
    return lines


# At a few rows drawn ({rows}), by sizes drawn ({size}, {factor}).
MART_FAULTS = {
    "mirror_disagreement": "update {mart} set exporter_value_usd = {size}, mirror_gap = 0.99, "
    "importer_value_usd = {size}::decimal(18, 2) * {factor}, asymmetry = 0.99, "
    "coverage = 'both sides', confidence = 'low' where {rows}",
    "broken_crosswalk_row": "update {mart} set crosswalk_mass = 1 + {size} / 1e9 where {rows}",
    "failed_mart_twice_the_rows": "insert into {mart} from {mart} where {rows}",
    "failed_mart_negative_value": "update {mart} set value_usd = -{size} where {rows}",
    "failed_mart_lost_key": "update {mart} set sector_id = null where {rows}",
}
AT_MART = {
    "mirror_disagreement": "mart_trade_mirror",
    "broken_crosswalk_row": "mart_sector_trade",
    "failed_mart_twice_the_rows": "mart_sector_loans",
    "failed_mart_negative_value": "mart_sector_trade",
    "failed_mart_lost_key": "mart_sector_procurement",
}


def _in_marts(laboratory: Laboratory, marts: Path) -> list[Line]:
    """Faults in a version of the marts that is written aside: none of severity stop is published."""
    draw = random.Random(SEED)
    lines = [_judge_version(laboratory, "none", marts, [])]
    assert not lines[0].caught, lines[0]
    for name, statement in MART_FAULTS.items():
        mart = f"marts.{AT_MART[name]}"
        seed, least = draw.randrange(10**6), draw.randint(1, 5)
        planting = statement.format(
            mart=mart,
            rows=f"rowid in (select rowid from {mart} order by hash(rowid + {seed}) limit {least})",
            size=draw.randint(20_000_000, 900_000_000),
            factor=draw.randint(400, 5000),
        )
        lines.append(_judge_version(laboratory, name, marts, [planting]))
    return lines[1:]


def _judge_version(laboratory: Laboratory, name: str, marts: Path, statements: list[str]) -> Line:
    path = laboratory.folder / f"{name}.duckdb"
    shutil.copy(marts, path)
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            changed = connection.execute(statement).fetchall()
            assert changed[0][0] > 0, (name, changed)
    report = judge_marts(path, "v1")
    with laboratory.copy_of(laboratory.publishers[0]) as home:
        note_of_build(home, report, "v1")
        sweep(Settings(home=home))
        state = "published" if report.outcome == "passed" else "not published"
        return Line.of(name, marts.stem, AT_MART.get(name, "-"), state, _open(home))


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """Marts of one made-up row each."""
    path = tmp_path / "marts of a test.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        for table, columns in TABLES.items():
            connection.execute(f"create table marts.{table} as select {columns}")
    return path


@pytest.fixture
def real_marts(tmp_path: Path) -> Path:
    """The marts that the demonstration builds from the shipped samples."""
    home = tmp_path / "demonstration"
    done = subprocess.run(
        [Path(sys.executable).parent / "dvina", "demo"],
        env=os.environ | {"DVINA_HOME": str(home), "DVINA_INBOX": str(SAMPLES)},
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return shutil.copy(home / "published" / "current.duckdb", tmp_path / "shipped samples.duckdb")


def _open(home: Path) -> tuple[Incident, ...]:
    return tuple(i for i in store.incidents(home) if i.is_open)


def clean(laboratory: Laboratory, each: int) -> list[Line]:
    """Distinct good slices, one load after the other."""
    lines = []
    for publisher in laboratory.publishers:
        for name, rows in publisher.slices[publisher.history :][:each]:
            judged = laboratory.ingest(laboratory.home(publisher), publisher, as_file(rows))
            lines.append(Line.of("none", publisher.name, name, judged.state, judged.incidents))
            laboratory.settle(publisher)
    return lines


@pytest.fixture
def contracts() -> Iterator[None]:
    before = os.environ.get("DVINA_CONTRACTS")
    yield
    os.environ.pop("DVINA_CONTRACTS", None)
    if before is not None:
        os.environ["DVINA_CONTRACTS"] = before
    _load.cache_clear()


@pytest.mark.usefixtures("contracts")
@pytest.mark.timeout(300)
def test_faults_in_the_shipped_sample_are_caught_and_clean_months_are_not_doubted(
    tmp_path: Path, stand_ins: Path
) -> None:
    laboratory = Laboratory(tmp_path, only_shipped())
    lines = planted(laboratory, 1, stand_ins)
    missed = {line.fault for line in lines if not line.caught}
    print("\n".join(map(str, lines)))
    assert len(lines) >= 25
    assert missed <= INVISIBLE | {"history_restated_by_5_percent"}
    good = clean(laboratory, CLEAN_OF_EACH)
    assert len(good) == CLEAN_OF_EACH
    assert [line for line in good if line.caught] == []


@needs_samples
@pytest.mark.long
@pytest.mark.usefixtures("contracts")
@pytest.mark.timeout(3000)
def test_faults_in_files_of_nine_publishers(tmp_path: Path, real_marts: Path) -> None:
    laboratory = Laboratory(tmp_path, everything())
    lines = planted(laboratory, 2, real_marts)
    good = clean(laboratory, CLEAN_OF_EACH)
    recall = write_page(lines, good, SEED)
    print(recall)
    assert len({line.publisher for line in good}) >= 8
    assert len(good) >= 50
    assert [line for line in good if line.caught] == []
    kinds = {line.fault for line in lines}
    assert len(kinds) >= 25
    assert sum(line.caught for line in lines) >= 0.85 * len(lines)
