"""What the tests of reliability share: children, prepared homes, and the table of what held.

With ``DVINA_WRITE_DOCS=1`` the table goes to ``docs/reliability.md``, beside rows of tests that
did not run this time; else it is printed.
"""

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dvina.settings import Settings
from tests.conftest import PROJECT, SAMPLES
from tests.reliability.processes import Nursery, nursery_in

TOTALS = "customs_imf_totals"
PAGE = PROJECT / "docs" / "reliability.md"
KEPT = PAGE.with_suffix(".json")


@dataclass
class Table:
    """What this run tried, and which of its tests passed and failed."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def merged(self, kept: dict[str, Any]) -> dict[str, Any]:
        """What former runs left, with the tests of this run in place of their former selves."""
        ran = self.passed | self.failed
        fresh = {(r["area"], r["fault"], r["tries"]) for r in self.rows}
        former = [
            row for row in kept["rows"]
            if row["test"] not in ran and (row["area"], row["fault"], row["tries"]) not in fresh
        ]  # fmt: skip
        failed = sorted({t for t in kept["failed"] if t not in ran} | self.failed)
        return {"failed": failed, "rows": [*former, *self.rows]}


def page(told: dict[str, Any]) -> str:
    """The page in Markdown."""
    failed = ", ".join(f"`{name}`" for name in told["failed"]) or "none"
    lines = [
        "# What held under faults",
        "",
        "Written by the tests from `reliability.json`; do not edit. Make it anew, whole or in parts, with",
        '`DVINA_WRITE_DOCS=1 .venv/bin/python -m pytest tests/reliability -m "long or not long"`.',
        "",
        "Nothing is simulated: processes are killed by SIGKILL, disks are small file systems,",
        "files are hostile, and the data goes the whole way with the real gate, DuckDB and dbt.",
        "A row is written only after its test passed, and stands until that test runs again.",
        f"Tests that failed when they ran last: {failed}.",
    ]
    for area in sorted({row["area"] for row in told["rows"]}):
        rows = [row for row in told["rows"] if row["area"] == area]
        lines += [
            "",
            f"## {area}",
            "",
            "| fault | tries | what happened | on |",
            "|---|---|---|---|",
        ]
        lines += [f"| {r['fault']} | {r['tries']} | {r['outcome']} | {r['on']} |" for r in rows]
    return "\n".join(lines) + "\n"


_TABLE = Table()


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Iterator[Callable[[str, int, str], None]]:
    """Notes a fault, how often it was tried and what happened; kept when the test passes."""
    area = str(request.module.AREA)
    noted: list[dict[str, Any]] = []

    def keep(fault: str, tries: int, outcome: str) -> None:
        row = {"area": area, "fault": fault, "tries": tries, "outcome": outcome}
        noted.append({**row, "on": f"{datetime.now(UTC):%Y-%m-%d}", "test": request.node.name})

    yield keep
    if request.node.name in _TABLE.passed:
        _TABLE.rows += noted


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell the fixture whether its test passed."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call":
        (_TABLE.passed if report.passed else _TABLE.failed).add(item.name)


@pytest.fixture(scope="session", autouse=True)
def _page() -> Iterator[None]:
    yield
    if not _TABLE.rows:
        return
    if os.environ.get("DVINA_WRITE_DOCS") != "1":
        print(f"\n{page(_TABLE.merged({'failed': [], 'rows': []}))}")
        return
    told = _TABLE.merged(json.loads(KEPT.read_text(encoding="utf-8")))
    KEPT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(told), encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    """Import what takes seconds once, before anything is forked."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    from expectations.gate import warm

    assert dbtRunner is not None
    assert DuckDBConnectionManager is not None
    warm()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    """Starts children that are dead when the test ends."""
    with nursery_in(tmp_path / "children") as nursery:
        yield nursery


@dataclass(frozen=True)
class Prepared:
    """Homes to copy: samples published; a revision loaded; the same built but not published."""

    published: Path
    revised: Path
    built: Path
    marts: dict[str, str]  # what the marts of the revision are, by an undisturbed build

    def copy(self, which: Path, target: Path) -> Settings:
        """A copy of one of the homes at ``target``."""
        shutil.copytree(which, target, symlinks=True)
        return settings(target)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The three homes, made once by the real way."""
    folder = tmp_path_factory.mktemp("prepared")
    published, revised, built = (folder / name for name in ("published", "revised", "built"))
    revision = revise_totals(folder / "revision.csv")
    with nursery_in(folder / "children") as nursery:
        nursery.run(lambda: _load_samples(settings(published))).answer()
        assert nursery.run(lambda: _build(settings(published))).answer() == "published"
        shutil.copytree(published, revised, symlinks=True)
        nursery.run(lambda: load(settings(revised), TOTALS, revision)).answer()
        shutil.copytree(revised, built, symlinks=True)
        assert nursery.run(lambda: _build(settings(built))).answer() == "published"
        marts = nursery.run(lambda: _take_back(built)).answer()
    return Prepared(published, revised, built, marts)


def settings(home: Path, lock_wait_s: float = 120) -> Settings:
    """Settings of a home with the shipped samples as its inbox."""
    return Settings(home=home, inbox=SAMPLES, lock_wait_s=lock_wait_s)


def load(settings: Settings, dataset: str, path: Path) -> str:
    """Bring one file in; returns what became of it."""
    from dvina import pipeline

    return pipeline.ingest(settings, dataset, str(path)).state


def revise_totals(path: Path, factor: int = 2) -> Path:
    """A copy of the yearly totals in which two years have other values."""
    with (SAMPLES / TOTALS / f"{TOTALS}.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    for row in rows:
        if row[-2] in ("2022", "2023"):
            row[-1] = f"{float(row[-1]) * factor:.6f}"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def _load_samples(settings: Settings) -> None:
    for folder in sorted(SAMPLES.iterdir()):
        for path in sorted(folder.glob("*.csv")):
            assert load(settings, folder.name, path) == "accepted", path.name


def _build(settings: Settings) -> str:
    from dvina.build import build_and_publish

    outcome = build_and_publish(settings)
    assert outcome.state != "failed", outcome.message
    return outcome.state


def _take_back(home: Path) -> dict[str, str]:
    """Make the version before current again and forget the newest: built, but not published."""
    from warehouse import publish

    newest = publish.current(home)
    assert newest is not None
    publish.roll_back(home)
    (home / "published" / publish.ROLLED_BACK).unlink()
    shutil.rmtree(newest.folder)
    return {name: what for name, what in newest.tables.items() if name.startswith("marts.")}
