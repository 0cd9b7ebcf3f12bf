"""Tests that stand beside dbt's models: those of units pass, and what others find is told.

They run on a copy of a built warehouse.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT
from tests.dbt.conftest import Marts


def test_every_unit_test_of_the_models_passes(marts: Marts, tmp_path: Path) -> None:
    shutil.copy(marts.home / "warehouse.duckdb", tmp_path)
    ran = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "test", "--select", "test_type:unit",
            "--project-dir", str(PROJECT / "dbt_project"), "--profiles-dir", str(PROJECT / "dbt_project"),
            "--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"), "--quiet",
        ],
        env={**os.environ, "DVINA_WAREHOUSE": str(tmp_path / "warehouse.duckdb"), "DO_NOT_TRACK": "1"},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    results = json.loads((tmp_path / "target" / "run_results.json").read_text(encoding="utf-8"))
    ran_tests = [r for r in results["results"] if r["unique_id"].startswith("unit_test.")]
    told = {r["unique_id"].split(".")[-1]: r for r in ran_tests}
    written = [
        p.read_text(encoding="utf-8") for p in (PROJECT / "dbt_project/models").rglob("*.yml")
    ]
    assert len(told) == sum(text.count("\n    model: ") for text in written) > 30
    assert {name: r["message"] for name, r in told.items() if r["status"] != "pass"} == {}, (
        ran.stdout
    )


def test_what_a_failed_test_found_is_told(marts: Marts, tmp_path: Path) -> None:
    shutil.copy(marts.home / "warehouse.duckdb", tmp_path)
    asked = """
import sys
from pathlib import Path
import duckdb
from dvina.models import run_models, variables
from dvina.settings import Settings
home = Path(sys.argv[1])
with duckdb.connect(home / "warehouse.duckdb") as warehouse:
    warehouse.execute("update marts.mart_sector_trade set currency_code = null where period = '2019'")
    arguments = ["test", "--select", "mart_sector_trade", "--indirect-selection", "cautious"]
    ran = run_models(home / "warehouse.duckdb", home / "dbt", arguments, variables(Settings(home=home)))
    print(warehouse.sql("select count(*) from marts.mart_sector_trade where period = '2019'").fetchone()[0])
    print(ran.failure)
"""
    ran = subprocess.run(  # in a process of its own: dbt leaves threads behind
        [sys.executable, "-c", asked, str(tmp_path)],
        env={**os.environ, "DO_NOT_TRACK": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    count, _, failure = ran.stdout.partition("\n")
    assert int(count) > 0, ran.stderr
    assert failure.startswith("1 of dbt's models or tests failed: never_null_mart_sector_trade")
    assert f"(column_name currency_code, null_count {count}). See " in failure
