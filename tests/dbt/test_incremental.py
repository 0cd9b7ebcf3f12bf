"""Marts that were brought up to date step by step equal marts that are made anew."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dvina.reach import reached_by
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
    assert answer["differ"] == {}
    assert answer["left_of_lone_year"] == []  # no new row took the place of what was withdrawn
    filled = ("mart_sector_trade", "mart_trade_mirror", "mart_sector_trade_indicators",
              "mart_sector_loans", "mart_sector_procurement", "fct_loan_flows",
              "mart_sector_cooperation")  # fmt: skip
    assert [name for name in filled if answer["tables"][f"marts.{name}"] < 2] == []
    # trade of one year has a refused row in whatever is drawn; a mart that tells none forgot it
    told_of_trade = ("mart_sector_trade", "mart_trade_mirror", "mart_sector_trade_indicators",
                     "mart_import_substitution")  # fmt: skip
    assert [name for name in told_of_trade if not answer["refused"][name]] == []
    assert answer["done"].count("killed build -9") == 1
    anew = [told for told in answer["told"] if told is None]
    assert len(anew) == answer["done"].count("seed")  # only a changed seed made everything anew
    kept_up = [told for told in answer["told"] if told is not None]
    assert any(0 < len(told["years"]) < 3 for told in kept_up)


@pytest.mark.timeout(400)
def test_kept_up_marts_equal_marts_made_anew(tmp_path: Path) -> None:
    _judge(_run(tmp_path / "home", seed=7, steps=1, bound_s=380))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(5))
def test_kept_up_marts_equal_marts_made_anew_after_any_sequence(tmp_path: Path, seed: int) -> None:
    _judge(_run(tmp_path / "home", seed=seed, steps=12, bound_s=1700))


def test_changed_slices_reach_years_pairs_and_months_and_nothing_else() -> None:
    reach = reached_by(
        {
            "customs_comtrade_flows": ['{"period": "2019", "reporter_code": "BLR"}'],
            "customs_fcs_flows": ['{"period": "2021-03", "flow_code": "X"}'],
            "loans_ids_flows": ['{"borrower_code": "BLR", "lender_code": "RUS"}'],
            "loans_register": [
                '{"as_of_date": "2024-01-29", "borrower_code": "CIV", "lender_code": "RUS"}'
            ],
            "loans_worldbank_statements": ['{"as_of_date": "2023-05-31"}'],
            "procurement_ocds_releases": ["{}"],
        }
    )
    assert reach is not None
    assert (reach.years, reach.periods, reach.whole_years) == (
        (2019, 2021),
        ("2019", "2021-03"),
        (),
    )
    assert (reach.pairs, reach.months, reach.whole) == (
        (("RUS", "BLR"), ("RUS", "CIV")), ("2023-05",), (),
    )  # fmt: skip
    assert "source:accepted.procurement_ocds_releases+" in reach.selection()


def test_a_rate_reaches_its_year_of_trade_and_all_loans_that_are_converted() -> None:
    reach = reached_by({"reference_rates_cbr": ['{"rate_date": "2022-03-15"}']})
    assert reach is not None
    assert (reach.years, reach.whole_years, reach.periods) == ((2022,), (2022,), ())
    assert reach.whole == ("loans_iati_activities", "loans_register")


def test_a_slice_of_trade_without_a_year_makes_all_anew() -> None:
    assert reached_by({"customs_baci_flows": ['{"edition": "V202301"}']}) is None
    assert reached_by(None) is None


def test_every_model_that_is_kept_up_says_by_which_partition() -> None:
    models = [p.read_text() for p in (PROJECT / "dbt_project/models").rglob("*.sql")]
    kept_up = [text for text in models if "materialized='incremental'" in text]
    assert len(kept_up) > 15
    told_by = ("'partition'", "'touched_by'", "'touched_exactly_by'")
    silent = [text for text in kept_up if not any(word in text for word in told_by)]
    assert len(silent) == 1  # codes of trade are only ever added to
    assert "anti join {{ this }}" in silent[0]


def test_a_slice_says_its_year_once_or_not_at_all() -> None:
    assert year_of('{"period": "2019-03", "reporter_code": "BLR", "commodity_level": 6}') == 2019
    assert year_of('{"period": "2019-Q4"}') == 2019
    assert year_of('{"snapshot_date": "2023-05-31"}') == 2023
    assert year_of('{"reporter_code": "BLR"}') is None
    assert year_of('{"period": "2019", "edition": "2021"}') is None
