"""Marts are judged in the file that was written aside, before anyone reads it."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from expectations.errors import RulesMalformed
from expectations.gate import judge_marts
from expectations.marts import grain, load_mart_rules
from tests.expectations.conftest import TABLES

Marts = Callable[..., Path]


def test_good_marts_pass(marts: Marts) -> None:
    report = judge_marts(marts(folder="it's a [v]"), "v1")
    assert [r for r in report.results if r.outcome != "passed"] == []
    assert {r.rule.split(".")[0] for r in report.results} == set(TABLES)
    assert report.outcome == "passed"
    assert (report.dataset, report.subject) == ("marts", "v1")
    assert report.contract_identity == load_mart_rules().identity


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("insert into marts.mart_sector_trade from marts.mart_sector_trade",
         "mart_sector_trade.grain_unique"),
        ("update marts.mart_sector_trade set sector_id = null", "mart_sector_trade.grain_present"),
        ("update marts.mart_sector_trade set value_usd = -1",
         "mart_sector_trade.value_not_negative"),
        ("update marts.mart_sector_trade set crosswalk_mass = 1.000001",
         "mart_sector_trade.crosswalk_mass_is_share"),
        ("update marts.mart_sector_trade set partner_code = 'BLR'",
         "mart_sector_trade.reporter_is_not_partner"),
        ("update marts.mart_sector_trade set frequency = 'D'",
         "mart_sector_trade.frequency_in_list"),
        ("update marts.mart_sector_procurement set award_count_with_value = 4",
         "mart_sector_procurement.valued_awards_are_awards"),
        ("insert into marts.mart_sector_loans from marts.mart_sector_loans",
         "mart_sector_loans.grain_unique"),
        ("insert into marts.mart_sector_cooperation from marts.mart_sector_cooperation",
         "mart_sector_cooperation.grain_unique"),
        ("insert into marts.mart_localisation from marts.mart_localisation",
         "mart_localisation.grain_unique"),
        ("update marts.mart_localisation set rule_id = null", "mart_localisation.grain_present"),
        ("update marts.mart_localisation set operation_count = 0",
         "mart_localisation.points_not_negative"),
        ("update marts.mart_localisation set threshold_points = 0, is_eligible_alone = true",
         "mart_localisation.threshold_is_positive"),
        ("update marts.mart_localisation set own_points = 50",
         "mart_localisation.gain_is_what_recognition_adds"),
        ("update marts.mart_localisation set is_eligible_alone = true",
         "mart_localisation.eligible_by_its_points"),
        ("update marts.mart_localisation set localisation = 0.666667",
         "mart_localisation.localisation_is_points_by_threshold"),
        ("update marts.mart_localisation set coverage = 'measured'",
         "mart_localisation.coverage_in_list"),
    ],
)  # fmt: skip
def test_a_planted_fault_keeps_the_version_back(marts: Marts, fault: str, rule: str) -> None:
    report = judge_marts(marts(fault), "v1")
    assert [r.rule for r in report.results if r.outcome != "passed"] == [rule]
    assert report.outcome == "failed"
    (result,) = [r for r in report.results if r.rule == rule]
    assert result.offenders
    assert result.offenders[0].row == 1
    key = grain(load_mart_rules().rules[rule.partition(".")[0]])
    assert any(column in result.offenders[0].value for column in key)
    assert "Readers keep the former version" in report.summary()


def test_a_mart_without_rows_breaks_no_rule(marts: Marts) -> None:
    report = judge_marts(marts("delete from marts.mart_localisation"), "v1")
    judged = [r.outcome for r in report.results if r.rule.startswith("mart_localisation.")]
    assert len(judged) == len(load_mart_rules().rules["mart_localisation"]) > 5
    assert set(judged) == {"passed"}


def test_a_missing_table_or_column_is_errored_and_the_others_are_judged(marts: Marts) -> None:
    report = judge_marts(
        marts(
            "drop table marts.mart_sector_loans",
            "alter table marts.mart_sector_trade drop column value_usd",
        ),
        "v1",
    )
    bad = [r.rule for r in report.results if r.outcome == "errored"]
    assert bad == ["mart_sector_trade.value_not_negative", "mart_sector_loans.can_be_judged"]
    assert report.outcome == "errored"


def test_a_missing_or_damaged_file_is_errored(tmp_path: Path) -> None:
    assert judge_marts(tmp_path / "gone.duckdb", "v1").outcome == "errored"
    assert not (tmp_path / "gone.duckdb").exists()
    (tmp_path / "bad.duckdb").write_bytes(b"not a database")
    assert judge_marts(tmp_path / "bad.duckdb", "v1").outcome == "errored"


def test_the_file_is_left_as_it_was_beside_an_open_warehouse(marts: Marts, tmp_path: Path) -> None:
    path = marts()
    before = path.read_bytes()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(f"attach '{path}' as dvina")
        connection.execute("detach dvina")
        assert judge_marts(path, "v1").outcome == "passed"
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["dvina.duckdb"]
    with duckdb.connect(str(path)) as connection:  # nobody else holds it
        connection.execute("create table marts.more (n integer)")


def test_every_mart_states_its_grain() -> None:
    rules = load_mart_rules().rules
    assert set(rules) == set(TABLES)
    for mart, entries in rules.items():
        assert len(grain(entries)) >= 3, mart


@pytest.mark.parametrize(
    "text",
    ["[]", "a: b: c", "m: [{name: x}]",
     "m: [{name: x, expectation: e, arguments: {}, severity: loud, why: w}]"],
)  # fmt: skip
def test_rules_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "marts.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RulesMalformed, match=r"marts\.yml"):
        load_mart_rules(path)
