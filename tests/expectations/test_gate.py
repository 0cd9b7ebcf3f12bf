"""The gate has three outcomes, and an error is never taken for a pass."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from expectations.gate import LoadFacts, judge, judge_marts
from expectations.report import CheckResult, Report, report
from expectations.suite import checks_of
from ingest.contract import Contract, dataset_names, load_contract
from ingest.landing import Landed
from tests.conftest import SAMPLES
from tests.support import land, rows, toy

Write = Callable[[str, str | bytes], Path]
GOOD = ("Belarus,2021-01,8703,1,", "Russia,2021-01,8704,2,2021-02-03")


def _judge(contract: Contract, landed: Landed, **counts: int) -> Report:
    m = landed.manifest
    facts = {"rows_read": m.rows_read, "rows_landed": m.rows_landed,
             "rows_quarantined": m.rows_quarantined, "rows_duplicate": m.rows_duplicate, **counts}  # fmt: skip
    return judge(contract, m.load_id, landed.segments, LoadFacts(**facts))


def _rule(expectation: str, severity: str = "stop", **arguments: object) -> dict[str, object]:
    return {"name": "written", "expectation": expectation, "arguments": arguments,
            "severity": severity, "why": "a test wants it"}  # fmt: skip


def _result(answer: Report, rule: str) -> CheckResult:
    (found,) = [result for result in answer.results if result.rule == rule]
    return found


@pytest.mark.parametrize("dataset", dataset_names())
def test_no_expectation_of_a_shipped_contract_raises_on_its_sample(
    home: Path, dataset: str
) -> None:
    contract = load_contract(dataset)
    files = sorted((SAMPLES / dataset).glob("*.csv"))
    assert files
    for file in files:
        answer = _judge(contract, land(contract, file, home))
        assert len(answer.results) >= len(checks_of(contract)) > 3
        assert [r.message for r in answer.results if r.outcome != "passed"] == []
        assert answer.outcome == "passed"


def test_a_duplicate_key_stops_and_names_its_rows(home: Path, write: Write) -> None:
    contract = toy(home / "c")
    landed = land(contract, write("a.csv", rows(*GOOD, "Belarus,2021-01,8703,9,")), home)
    answer = _judge(contract, landed)
    assert answer.outcome == "failed"
    assert [o.row for o in _result(answer, "key_is_unique").offenders] == [1, 3]
    assert "first: row 1" in answer.summary()


@pytest.mark.parametrize(
    "rule",
    [
        _rule("ExpectColumnValuesToNotBeNull", column="nowhere"),
        _rule("UnexpectedRowsExpectation", unexpected_rows_query="select * from {batch} where broken("),
        _rule("ExpectTheImpossible", column="value_usd"),
        _rule("ExpectColumnValuesToBeBetween", colum="value_usd", min_value=0),
        _rule("ExpectColumnValuesToMatchRegex", column="commodity_code", regex="x"),
    ],
    ids=["missing column", "broken query", "unknown name", "wrong argument", "not on DuckDB"],
)  # fmt: skip
def test_an_expectation_that_cannot_be_checked_is_errored_whatever_its_severity(
    home: Path, write: Write, rule: dict[str, object]
) -> None:
    for severity in ("stop", "inform"):
        contract = toy(home / severity, rules=[{**rule, "severity": severity}])
        answer = _judge(contract, land(contract, write("a.csv", rows(*GOOD)), home))
        assert _result(answer, "written").outcome == "errored"
        assert answer.outcome == "errored"
        assert _result(answer, "key_is_unique").outcome == "passed"


def test_a_failed_warning_is_told_but_does_not_stop(home: Path, write: Write) -> None:
    rule = _rule("ExpectColumnValuesToBeBetween", "warn", column="value_usd", max_value=1)
    contract = toy(home / "c", rules=[rule])
    answer = _judge(contract, land(contract, write("a.csv", rows(*GOOD)), home))
    assert _result(answer, "written").outcome == "failed"
    assert answer.outcome == "passed"


def test_a_hand_written_query_names_the_rows_it_finds(home: Path, write: Write) -> None:
    query = "select * from {batch} where value_usd > 1"
    contract = toy(
        home / "c", rules=[_rule("unexpected_rows_expectation", unexpected_rows_query=query)]
    )
    answer = _judge(contract, land(contract, write("a.csv", rows(*GOOD)), home))
    assert [o.row for o in _result(answer, "written").offenders] == [2]
    assert answer.outcome == "failed"


def test_a_damaged_segment_is_errored(home: Path, write: Write) -> None:
    contract = toy(home / "c")
    landed = land(contract, write("a.csv", rows(*GOOD)), home)
    landed.segments[0].write_bytes(b"PAR1 no parquet PAR1")
    assert _judge(contract, landed).outcome == "errored"


def test_an_empty_report_is_no_pass() -> None:
    assert report("toy_flows", "nothing", ()).outcome == "errored"


@pytest.mark.parametrize(
    ("counts", "rule"),
    [
        ({"rows_read": 99}, "counts_close"),
        ({"rows_quarantined": 5, "rows_read": 7}, "few_rows_quarantined"),
        ({"rows_landed": 0, "rows_read": 0}, "enough_rows"),
    ],
)
def test_counts_that_break_a_limit_stop_the_load(
    home: Path, write: Write, counts: dict[str, int], rule: str
) -> None:
    contract = toy(home / "c")
    answer = _judge(contract, land(contract, write("a.csv", rows(*GOOD)), home), **counts)
    assert _result(answer, rule).outcome == "failed"
    assert answer.outcome == "failed"


def test_a_report_survives_the_way_through_json(home: Path, write: Write) -> None:
    contract = toy(home / "c")
    landed = land(contract, write("a.csv", rows(*GOOD, "Belarus,2021-01,8703,9,")), home)
    answer = _judge(contract, landed)
    assert Report.from_json(answer.to_json()) == answer


def test_a_path_with_quotes_and_spaces_is_judged(tmp_path: Path, write: Write) -> None:
    home = tmp_path / 'it\'s a "home"'
    contract = toy(home / "c")
    assert _judge(contract, land(contract, write("a.csv", rows(*GOOD)), home)).outcome == "passed"


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """A file of marts that keep every rule."""
    file = tmp_path / "dvina.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.mart_sector_trade as select 'DEU' as reporter_code, 'BLR' as partner_code, "
            "'tools' as sector_id, '2021' as period, 'A' as frequency, 'X' as flow_code, "
            "1.5::decimal(18,2) as value_usd, 1::decimal(9,6) as crosswalk_mass"
        )
        connection.execute(
            "create table marts.mart_sector_procurement as select 'RUS' as buyer_country_code, "
            "'BLR' as supplier_country_code, 'other' as sector_id, '2018-01' as period, 'M' as frequency, "
            "2 as award_count, 0 as award_count_with_value, null::decimal(18,2) as award_value_usd, "
            "1::decimal(9,6) as crosswalk_mass"
        )
        connection.execute(
            "create table marts.mart_sector_loans as select 'RUS' as lender_code, 'BLR' as borrower_code, "
            "'unallocated' as sector_id, '2021' as period, 'A' as frequency"
        )
        connection.execute(
            "create table marts.mart_sector_cooperation as select 'BLR-RUS' as pair_id, "
            "'tools' as sector_id, '2021' as period"
        )
    return file


def test_good_marts_pass(marts: Path) -> None:
    answer = judge_marts(marts, "v")
    assert [r.message for r in answer.results if r.outcome != "passed"] == []
    assert len(answer.results) >= 11


@pytest.mark.parametrize(
    ("fault", "rule", "outcome"),
    [
        ("insert into marts.mart_sector_trade from marts.mart_sector_trade", "mart_sector_trade.grain_is_unique", "failed"),
        ("update marts.mart_sector_trade set value_usd = -1", "mart_sector_trade.value_is_not_negative", "failed"),
        ("update marts.mart_sector_trade set crosswalk_mass = 2", "mart_sector_trade.crosswalk_mass_is_a_share", "failed"),
        ("update marts.mart_sector_trade set partner_code = 'DEU'", "mart_sector_trade.nobody_trades_with_itself", "failed"),
        ("update marts.mart_sector_procurement set award_value_usd = 0", "mart_sector_procurement.a_value_is_known_or_null", "failed"),
        ("update marts.mart_sector_procurement set award_count_with_value = 3", "mart_sector_procurement.known_values_are_not_more_than_awards", "failed"),
        ("insert into marts.mart_sector_procurement from marts.mart_sector_procurement", "mart_sector_procurement.grain_is_unique", "failed"),
        ("insert into marts.mart_sector_loans from marts.mart_sector_loans", "mart_sector_loans.grain_is_unique", "failed"),
        ("update marts.mart_sector_loans set lender_code = 'BLR'", "mart_sector_loans.nobody_lends_to_itself", "failed"),
        ("insert into marts.mart_sector_cooperation from marts.mart_sector_cooperation", "mart_sector_cooperation.grain_is_unique", "failed"),
        ("drop table marts.mart_sector_loans", "mart_sector_loans.grain_is_unique", "errored"),
    ],
)  # fmt: skip
def test_each_rule_on_marts_was_seen_to_fail(
    marts: Path, fault: str, rule: str, outcome: str
) -> None:
    with duckdb.connect(marts) as connection:
        connection.execute(fault)
    answer = judge_marts(marts, "v")
    assert _result(answer, rule).outcome == outcome
    assert answer.outcome == outcome
