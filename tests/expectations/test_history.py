"""Loads are held against the loads before them, through profiles and without the warehouse."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expectations.gate import History, LoadFacts, judge
from expectations.kinds import slice_rules
from expectations.report import Report
from expectations.suite import suite_rules
from ingest.contract import Contract, Rule, dataset_names, load_contract
from tests.support import land, rows, toy


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return toy(tmp_path_factory.mktemp("contract"), keep_archive_days=0)


def figures(seed: int, count: int = 40, times: float = 1.0) -> list[str]:
    """Skewed values, as trade has them."""
    draw = random.Random(seed)
    return [f"{draw.lognormvariate(8, 2) * times:.2f}" for _ in range(count)]


class Months:
    """Lands and judges months of Belarus; the profile of one that passes joins the history."""

    def __init__(self, contract: Contract, folder: Path, profiles: tuple[Path, ...] = ()) -> None:
        self.contract, self.folder, self.profiles = contract, folder, profiles

    def __call__(
        self, period: str, values: list[str], seen: str = "2021-05-05", rules: tuple[Rule, ...] = ()
    ) -> Report:
        path = self.folder / f"{len(self.profiles)}-{period}.csv"
        lines = [f"Belarus,{period},{8000 + i},{value},{seen}" for i, value in enumerate(values)]
        path.write_text(rows(*lines))
        landed = land(self.contract, path, self.folder / "home")
        m = landed.manifest
        keep = self.folder / "profiles" / f"{m.load_id}.parquet"
        facts = LoadFacts(m.rows_read, m.rows_landed, m.rows_quarantined, m.rows_duplicate)
        history = History(self.profiles, keep)
        judged = replace(self.contract, rules=rules)
        report = judge(judged, m.load_id, landed.segments, facts, history=history)
        assert keep.is_file()
        if report.outcome == "passed":
            self.profiles = (*self.profiles, keep)
        return report


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> tuple[Path, ...]:
    """Profiles of eight good months."""
    months = Months(contract, tmp_path_factory.mktemp("eight"))
    for number in range(1, 9):
        report = months(f"2021-{number:02}", figures(number))
        assert [r.message for r in report.results if r.outcome != "passed"] == []
    return months.profiles


@pytest.fixture
def month(tmp_path: Path, contract: Contract, eight: tuple[Path, ...]) -> Months:
    """Judges months after the eight good ones."""
    return Months(contract, tmp_path, eight)


def broken(report: Report) -> set[str]:
    return {result.rule for result in report.results if result.outcome != "passed"}


def test_a_month_like_those_before_breaks_nothing(month: Months) -> None:
    assert broken(month("2021-09", figures(9))) == set()


@pytest.mark.parametrize(
    ("period", "values", "rules", "outcome"),
    [
        ("2021-09", figures(9, 20), {"rows_like_siblings"}, "passed"),
        ("2021-09", figures(9, 80), {"rows_like_siblings"}, "passed"),
        ("2021-09", figures(9, times=1000), {"value_usd_in_unit", "value_usd_like_siblings"}, "passed"),
        ("2021-09", figures(9, times=60), {"value_usd_like_siblings"}, "passed"),
        ("2021-09", figures(9)[:20] + ["0"] * 20, {"value_usd_nulls_like_before"}, "passed"),
        ("2021-09", figures(3), {"content_of_its_own"}, "passed"),
        ("2021-08", figures(8, times=1.1), {"value_usd_restated"}, "passed"),
        ("2021-08", figures(8, times=1.4), {"value_usd_restated", "value_usd_like_previous"}, "passed"),
        ("2021-08", figures(8)[:30], {"rows_like_previous", "value_usd_restated"}, "passed"),
    ],
)  # fmt: skip
def test_a_month_unlike_those_before_is_told_by_rule_and_slice(
    month: Months, period: str, values: list[str], rules: set[str], outcome: str
) -> None:
    report = month(period, values)
    assert broken(report) == rules
    assert report.outcome == outcome
    for result in report.results:
        if result.rule in rules:
            assert period in result.message or "(whole load)" in result.message


def test_a_stale_copy_goes_back_to_what_was_revised(month: Months) -> None:
    revised = month("2021-08", figures(8, times=1.01))
    assert broken(revised) == set()
    assert "no_older_version" in broken(month("2021-08", figures(8)))


def test_a_burst_of_nulls_is_told(month: Months) -> None:
    assert broken(month("2021-09", figures(9), seen="-")) == {"seen_date_nulls_like_before"}


def test_an_entry_of_a_derived_rules_name_takes_its_place(month: Months) -> None:
    looser = Rule("rows_like_siblings", "expect_rows_like_siblings", {"factor": 3}, "stop", "why")
    assert broken(month("2021-09", figures(9, 20), rules=(looser,))) == set()
    assert month("2021-09", figures(9, 10), rules=(looser,)).outcome == "failed"


def test_one_entry_adds_a_rule_on_slices_or_on_sums(month: Months) -> None:
    own = Rule("own", "expect_slices_to_hold", {"condition": "row_count > 50"}, "warn", "why")
    parts = Rule(
        "parts", "expect_parts_to_add_up",
        {"value": "value_usd", "by": ["period"], "parts": "commodity_code <> '8000'",
         "total": "commodity_code = '8000'"}, "warn", "why",
    )  # fmt: skip
    assert broken(month("2021-09", figures(9), rules=(own, parts))) == {"own", "parts"}
    total = ["60.00", "10.00", "20.00", "30.00"]
    many = (Rule("rows_like_siblings", "expect_slices_to_hold", {"condition": "true"}, "warn", ""),)
    assert "parts" not in broken(month("2021-10", total, rules=(*many, parts)))


@pytest.mark.parametrize("arguments", [{"colum": "value_usd"}, {"column": "nowhere"}])
def test_a_rule_on_slices_that_cannot_be_judged_is_errored(
    month: Months, arguments: dict[str, Any]
) -> None:
    bad = Rule("bad", "expect_values_like_siblings", arguments, "inform", "why")
    report = month("2021-09", figures(9), rules=(bad,))
    assert report.outcome == "errored"
    assert broken(report) == {"bad"}


def test_damaged_profiles_are_errored(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text(rows("Belarus,2021-01,8703,1,"))
    landed = land(contract, path, tmp_path / "home")
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"nothing")
    report = judge(contract, "L1", landed.segments, LoadFacts(1, 1, 0, 0), history=History((bad,)))
    assert broken(report) == {"history_can_be_judged"}
    assert report.outcome == "errored"


@pytest.mark.parametrize("dataset", dataset_names())
def test_every_shipped_contract_of_slices_has_rules_against_history(dataset: str) -> None:
    """Events and keyed records have none: a load of them is of any size and about anything."""
    contract = load_contract(dataset)
    named = [rule.name for rule in slice_rules(contract)]
    assert len(named) == len(set(named))
    assert (len(named) >= 2) == (contract.revision.kind in ("slice", "snapshot"))
    names = [rule.name for rule in suite_rules(contract)]
    assert len(names) == len(set(names))
