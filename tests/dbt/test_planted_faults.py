"""No test of dbt is vacuous: each fails on a fault that is planted in a copy of a built warehouse.

The list in ``docs/tests-of-marts.md`` is what this run saw; with ``DVINA_WRITE_DOCS`` it is written
anew, else it must be as it stands there.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import PROJECT
from tests.dbt.conftest import Marts
from tests.dbt.planted import FAULTS, Planted, data_tests, plan, seen

DOCS = PROJECT / "docs" / "tests-of-marts.md"
# Tests that are true of this installation before anything is planted.
WARNING_ALREADY = {"values_without_an_exchange_rate", "levels_that_disagree"}
_HEAD = """\
# Tests of the marts, and the faults that they were seen to find

Written by `DVINA_WRITE_DOCS=1 python -m pytest tests/dbt/test_planted_faults.py`: each fault is planted in a copy of a built
warehouse, and the query that dbt runs for the test must find it where it found nothing before. A run of the
tests compares this list with what it sees.

| table | test | planted fault | seen |
|---|---|---|---|
"""


@dataclass
class Judged:
    """A fault, and what its test found before and after it was planted."""

    planted: Planted
    before: int
    after: int

    @property
    def is_seen(self) -> bool:
        return self.after > self.before


@dataclass
class Copy:
    """A copy of a built warehouse, its manifest, and the tests that are of tables."""

    home: Path
    manifest: dict[str, Any]
    nodes: list[dict[str, Any]]


@pytest.fixture(scope="module")
def copy(marts: Marts, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    home = tmp_path_factory.mktemp("planted")
    shutil.copy(marts.home / "warehouse.duckdb", home)
    path = marts.home / "dbt" / "target" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    return Copy(home, manifest, [n for n in data_tests(path) if _is_of_a_table(n, manifest)])


@pytest.fixture(scope="module")
def judged(copy: Copy) -> list[Judged]:
    with duckdb.connect(copy.home / "warehouse.duckdb") as database:
        plans = [planted for node in copy.nodes for planted in plan(node, copy.manifest, database)]
        return [Judged(planted, *seen(database, planted)) for planted in plans]


def test_every_test_of_a_table_finds_its_fault(copy: Copy, judged: list[Judged]) -> None:
    assert len({j.planted.test for j in judged}) == len(copy.nodes) > 300
    assert [j for j in judged if not j.is_seen] == []
    assert {j.planted.test for j in judged if j.before} <= WARNING_ALREADY


def test_every_test_that_is_written_out_has_a_fault_of_its_own(copy: Copy) -> None:
    written = {n["name"] for n in copy.nodes if not n.get("test_metadata")}
    assert written == FAULTS.keys()


def test_every_mart_has_tests_that_see_faults(copy: Copy, judged: list[Judged]) -> None:
    marts = {n["alias"] for n in copy.manifest["nodes"].values() if _is_mart(n)}
    counted = Counter(j.planted.table for j in judged)
    assert len(marts) > 10
    assert [mart for mart in marts if counted[mart] < 2] == []


def test_the_list_in_the_docs_is_what_was_seen(judged: list[Judged]) -> None:
    shown = [
        j
        for j in judged
        if j.planted.table.startswith(("mart", "dim", "fct")) or j.planted.test in FAULTS
    ]
    lines = sorted({_line(j) for j in shown})
    text = _HEAD + "\n".join(lines) + "\n"
    if os.environ.get("DVINA_WRITE_DOCS"):
        DOCS.write_text(text, encoding="utf-8")
    assert DOCS.read_text(encoding="utf-8") == text


@pytest.mark.long
def test_dbt_itself_tells_of_the_faults(copy: Copy, judged: list[Judged]) -> None:
    """All faults at once, and one run of dbt: none of their tests passes.

    Faults that empty a table would take the others' rows away; they are left out here.
    """
    planted = [j.planted for j in judged if not any("delete" in s for s in j.planted.statements)]
    with duckdb.connect(copy.home / "warehouse.duckdb") as database:
        for statement in (s for p in planted for s in p.statements):
            database.execute(statement)
    ran = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "test", "--project-dir", str(PROJECT / "dbt_project"),
            "--profiles-dir", str(PROJECT / "dbt_project"), "--target-path", str(copy.home / "target"),
            "--log-path", str(copy.home / "logs"), "--exclude-resource-type", "unit_test",
            "--vars", json.dumps({"pairs": ["BLR-RUS", "DEU-RUS"]}), "--quiet",
        ],
        env={**os.environ, "DVINA_WAREHOUSE": str(copy.home / "warehouse.duckdb"), "DO_NOT_TRACK": "1"},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    results = json.loads((copy.home / "target" / "run_results.json").read_text(encoding="utf-8"))
    names = {node["unique_id"]: node["name"] for node in copy.nodes}
    told = {
        names.get(r["unique_id"]) for r in results["results"] if r["status"] in ("fail", "warn")
    }
    assert len(planted) > 300
    assert ran.returncode == 1
    assert {p.test for p in planted} - told == set()


def _is_of_a_table(node: dict[str, Any], manifest: dict[str, Any]) -> bool:
    attached = manifest["nodes"].get(node.get("attached_node"))
    if node.get("test_metadata") is None:
        return True
    return attached is not None and attached["config"]["materialized"] != "view"


def _is_mart(node: dict[str, Any]) -> bool:
    return node["resource_type"] == "model" and node["fqn"][1] == "marts"


def _line(judged: Judged) -> str:
    planted = judged.planted
    return f"| {planted.table} | {planted.test} | {planted.fault} | {'yes' if judged.is_seen else 'NO'} |"
