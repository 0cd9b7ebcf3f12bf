"""What the tests of reliability share: children, prepared homes, and the table of what held.

With ``DVINA_WRITE_DOCS=1`` the table is written to ``docs/reliability.md``; else it is printed.
"""

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dvina.settings import Settings
from tests.conftest import PROJECT, SAMPLES
from tests.reliability.processes import Nursery, nursery_in

TOTALS = "customs_imf_totals"
PAGE = PROJECT / "docs" / "reliability.md"


@dataclass
class Table:
    """Rows of the reliability page: area, fault, tries, outcome."""

    rows: list[tuple[str, str, int, str]]
    long: bool = False
    failed: int = 0

    def page(self) -> str:
        """The page in Markdown."""
        form, mark = ("long", "long or not long") if self.long else ("short", "not long")
        lines = [
            "# What held under faults",
            "",
            f"Generated on {datetime.now(UTC):%Y-%m-%d} by the {form} form of the tests; do not edit.",
            "Make it anew with",
            f'`DVINA_WRITE_DOCS=1 .venv/bin/python -m pytest tests/reliability -m "{mark}"`.',
            "",
            "Nothing is simulated: processes are killed by SIGKILL, disks are small file systems,",
            "files are hostile, and the data goes the whole way with the real gate, DuckDB and dbt.",
            "A row is written only after its test passed; "
            f"{self.failed or 'no'} {'test' if self.failed == 1 else 'tests'} failed in this run.",
        ]
        for area in dict.fromkeys(row[0] for row in self.rows):
            lines += ["", f"## {area}", "", "| fault | tries | what happened |", "|---|---|---|"]
            lines += [f"| {f} | {n} | {o} |" for a, f, n, o in self.rows if a == area]
        return "\n".join(lines) + "\n"


_TABLE = Table([])


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Iterator[Callable[[str, int, str], None]]:
    """Notes a fault, how often it was tried and what happened; kept when the test passes."""
    area = str(request.module.AREA)
    noted: list[tuple[str, str, int, str]] = []

    def keep(fault: str, tries: int, outcome: str) -> None:
        noted.append((area, fault, tries, outcome))

    yield keep
    if getattr(request.node, "passed", False):
        _TABLE.rows += noted
        _TABLE.long |= request.node.get_closest_marker("long") is not None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell the fixture whether its test passed."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call":
        item.passed = report.passed  # type: ignore[attr-defined]
        _TABLE.failed += report.failed


@pytest.fixture(scope="session", autouse=True)
def _page() -> Iterator[None]:
    yield
    if _TABLE.rows and os.environ.get("DVINA_WRITE_DOCS") == "1":
        PAGE.write_text(_TABLE.page(), encoding="utf-8")
    elif _TABLE.rows:
        print(f"\n{_TABLE.page()}")


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
