"""The unit tests that stand beside dbt's models pass, all of them, on a copy of a built warehouse."""

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
