"""Marts that were brought up to date step by step equal marts that are made anew."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT
from warehouse.builds import year_of


def _run(home: Path, seed: int, steps: int, bound_s: int) -> dict[str, Any]:
    # In a process of its own: other tests fork, and dbt leaves threads behind.
    ran = subprocess.run(
        [
            sys.executable,
            str(PROJECT / "tests/dbt/incremental_run.py"),
            str(home),
            str(seed),
            str(steps),
        ],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=bound_s,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def _judge(answer: dict[str, Any]) -> None:
    assert "failed" not in answer, answer
    assert answer["differ"] == {}
    assert answer["left_of_lone_year"] == []  # no new row took the place of what was withdrawn
    assert answer["tables"]["marts.mart_sector_trade"] > 10
    assert answer["tables"]["marts.mart_sector_trade_indicators"] > 4
    kept_up = [json.loads(years) for years in answer["years"] if years != "None"]
    assert len(kept_up) == len(answer["years"]) > 0  # no build made everything anew
    assert any(0 < len(years) < 3 for years in kept_up)


@pytest.mark.timeout(900)
def test_kept_up_marts_equal_marts_made_anew(tmp_path: Path) -> None:
    _judge(_run(tmp_path / "home", seed=7, steps=2, bound_s=850))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(5))
def test_kept_up_marts_equal_marts_made_anew_after_any_sequence(tmp_path: Path, seed: int) -> None:
    _judge(_run(tmp_path / "home", seed=seed, steps=12, bound_s=1700))


def test_a_slice_says_its_year_once_or_not_at_all() -> None:
    assert year_of('{"period": "2019-03", "reporter_code": "BLR", "commodity_level": 6}') == 2019
    assert year_of('{"period": "2019-Q4"}') == 2019
    assert year_of('{"snapshot_date": "2023-05-31"}') == 2023
    assert year_of('{"reporter_code": "BLR"}') is None
    assert year_of('{"period": "2019", "edition": "2021"}') is None
