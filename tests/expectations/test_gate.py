"""The gate with the real Great Expectations on the real DuckDB."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from expectations import validation
from expectations.gate import LoadFacts, judge
from expectations.report import CheckResult, Report
from ingest.contract import dataset_names, load_contract
from tests.expectations.conftest import Land, MakeContract, landed

AT_BOUND = {"value_usd": "9000000000000000000.01", "pieces": 9, "period": "2000"}


def found(report: Report, rule: str) -> CheckResult:
    """The one result of a rule."""
    (result,) = [r for r in report.results if r.rule == rule]
    return result


def broken(report: Report) -> list[str]:
    """The rules that did not pass."""
    return [r.rule for r in report.results if r.outcome != "passed"]


def hand_written(expectation: str, arguments: dict[str, Any], severity: str = "stop") -> Any:
    """The YAML of one rule."""
    return [{"name": "by_hand", "expectation": expectation, "arguments": arguments,
             "severity": severity, "why": "A test says so."}]  # fmt: skip


def test_a_good_load_passes_every_rule_and_none_raises(contract: MakeContract, land: Land) -> None:
    report = judge(contract(), "L1", land({}, {"flow_code": "M"}, AT_BOUND), landed(3))
    rules = {r.rule for r in report.results}
    assert {
        "columns_as_in_contract", "key_unique", "rows_as_counted", "value_usd_present",
        "value_usd_in_range", "flow_code_in_list", "edition_year_in_list", "is_final_in_list",
        "commodity_code_has_pattern", "period_has_pattern", "period_in_range",
        "seen_date_in_range", "counts_close", "row_floor", "row_ceiling", "quarantined_share",
    } <= rules  # fmt: skip
    assert broken(report) == []
    assert report.outcome == "passed"
    assert report.contract_identity == contract().identity


def test_what_is_said_of_rules_that_hold_is_what_great_expectations_says_in_full(
    contract: MakeContract, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"unexpected_rows_query": "select * from {batch} where value_usd < 0"}
    described = contract(rules=hand_written("unexpected_rows_expectation", query))
    segments = land({}, {"flow_code": "M"}, AT_BOUND)
    short = judge(described, "L1", segments, landed(3)).results
    monkeypatch.setattr(validation, "_tells_by_holding", lambda _: False)
    assert judge(described, "L1", segments, landed(3)).results == short
    kinds = {"by_hand", "rows_as_counted", "columns_as_in_contract", "key_unique"}
    assert kinds <= {r.rule for r in short if r.outcome == "passed"}


@pytest.mark.parametrize(
    ("change", "rule", "value"),
    [
        ({"value_usd": "-3.00"}, "value_usd_in_range", "-3.00"),
        ({"value_usd": "9000000000000000000.02"}, "value_usd_in_range", "9000000000000000000.02"),
        ({"value_usd": None}, "value_usd_present", "null"),
        ({"flow_code": "Z"}, "flow_code_in_list", "Z"),
        ({"commodity_code": "12"}, "commodity_code_has_pattern", "12"),
        ({"commodity_code": "1234\n"}, "commodity_code_has_pattern", "1234?"),
        ({"period": "2024-13"}, "period_has_pattern", "2024-13"),
        ({"period": "1999-01"}, "period_in_range", "1999-01"),
        ({"pieces": 10}, "pieces_in_range", "10"),
        ({"edition_year": 2023}, "edition_year_in_list", "2023"),
    ],
)
def test_a_bad_value_fails_its_rule_with_row_and_value(
    contract: MakeContract, land: Land, change: dict[str, Any], rule: str, value: str
) -> None:
    report = judge(contract(), "L1", land({}, change, {}), landed(3))
    assert report.outcome == "failed"
    assert broken(report) == [rule]
    (offender,) = found(report, rule).offenders
    assert (offender.row, offender.value) == (2, value)
    assert f"(first: row 2 value {value})" in report.summary()
    assert "dvina accept L1" in report.summary()


def test_a_repeated_key_fails_with_all_its_rows(contract: MakeContract, land: Land) -> None:
    twice = {"commodity_code": "7777"}
    report = judge(contract(), "L1", land({}, twice, {}, twice), landed(4))
    assert [o.row for o in found(report, "key_unique").offenders] == [2, 4]
    assert "commodity_code=7777" in found(report, "key_unique").offenders[0].value


@pytest.mark.parametrize("revision", [{"kind": "event"}, {"kind": "key", "version": "pieces"}])
def test_events_and_keyed_records_may_repeat_their_key(
    contract: MakeContract, land: Land, revision: dict[str, str]
) -> None:
    twice = {"commodity_code": "7777"}
    report = judge(contract(revision=revision), "L1", land(twice, twice), landed(2))
    assert report.outcome == "passed"
    assert "key_unique" not in {r.rule for r in report.results}


def test_offenders_are_the_first_twenty(contract: MakeContract, land: Land) -> None:
    rows = [{"value_usd": "-1", "flow_code": "Z"}] * 30
    report = judge(contract(), "L1", land(*rows), landed(30))
    for rule in ("value_usd_in_range", "flow_code_in_list"):
        assert [o.row for o in found(report, rule).offenders] == list(range(1, 21))
        assert "30" in found(report, rule).observed


UNUSABLE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("expect_column_values_to_be_between", {"column": "nowhere", "min_value": 0}),
    ("expect_column_sum_to_be_between", {"column": "flow_code", "min_value": 0}),
    ("expect_column_values_to_be_in_set", {"column": "flow_code", "value_set": [1, 2]}),
    ("expect_column_values_to_match_regex", {"column": "flow_code", "regex": "X"}),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch} wher 1"}),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "select 1 where false"}),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch} where {"}),
    ("unexpected_rows_expectation", {}),
    (
        "expect_column_kl_divergence_to_be_less_than",  # brings the whole suite down
        {"column": "nowhere", "partition_object": {}, "threshold": 1},
    ),
    ("expect_the_unexpected", {"column": "flow_code"}),
    ("ExpectTheUnexpected", {}),
    ("expect_column_values_to_not_be_null", {"colum": "flow_code"}),
    ("expect_column_values_to_be_in_set", {"column": "flow_code", "valueset": ["X"]}),
)


def test_rules_that_cannot_be_judged_are_errored_and_never_a_pass(
    contract: MakeContract, land: Land
) -> None:
    rules = [
        {**hand_written(expectation, arguments, "inform")[0], "name": f"by_hand_{number}"}
        for number, (expectation, arguments) in enumerate(UNUSABLE)
    ]
    report = judge(contract(rules=rules), "L1", land({}, {}), landed(2))
    unusable = {r.rule for r in report.results if r.outcome == "errored"}
    assert unusable == {rule["name"] for rule in rules}
    assert set(broken(report)) == unusable  # the rules beside them are judged all the same
    assert all(len(found(report, rule).message) > 20 for rule in unusable)
    assert report.outcome == "errored"


@pytest.mark.parametrize("unusable", UNUSABLE[::6])
def test_one_rule_that_cannot_be_judged_is_enough(
    contract: MakeContract, land: Land, unusable: tuple[str, dict[str, Any]]
) -> None:
    report = judge(contract(rules=hand_written(*unusable)), "L1", land({}), landed(1))
    assert broken(report) == ["by_hand"]
    assert report.outcome == "errored"


@pytest.mark.parametrize(
    ("expectation", "arguments", "rows"),
    [
        ("expect_column_values_to_be_between", {"column": "pieces", "max_value": 3}, [2]),
        ("ExpectColumnValuesToBeBetween", {"column": "pieces", "max_value": 3}, [2]),
        ("expect_column_value_lengths_to_equal", {"column": "period", "value": 4}, [1, 2, 3]),
        ("expect_table_row_count_to_equal", {"value": 4}, []),
        ("expect_column_pair_values_to_be_equal",
         {"column_A": "pieces", "column_B": "edition_year"}, [0, 0, 0]),
        ("unexpected_rows_expectation",
         {"unexpected_rows_query": "select * from {batch} where pieces = 4 or flow_code = ':a %'"},
         [2]),
        ("unexpected_rows_expectation",
         {"unexpected_rows_query": "select period, sum(pieces) from {batch} group by 1;"}, [0]),
    ],
)  # fmt: skip
def test_rules_written_by_hand_are_judged_in_both_spellings(
    contract: MakeContract, land: Land, expectation: str, arguments: dict[str, Any], rows: list[int]
) -> None:
    rules = hand_written(expectation, arguments)
    report = judge(contract(rules=rules), "L1", land({}, {"pieces": 4}, {}), landed(3))
    assert found(report, "by_hand").outcome == "failed"
    assert [o.row for o in found(report, "by_hand").offenders] == rows


def test_equal_rules_are_each_answered(contract: MakeContract, land: Land) -> None:
    (rule,) = hand_written("expect_column_values_to_not_be_null", {"column": "flow_code"})
    report = judge(contract(rules=[rule, rule]), "L1", land({}), landed(1))
    assert [r.outcome for r in report.results if r.rule == "by_hand"] == ["passed", "passed"]


def test_a_rule_that_only_warns_lets_the_load_pass(contract: MakeContract, land: Land) -> None:
    rules = hand_written("expect_table_row_count_to_equal", {"value": 9}, "warn")
    report = judge(contract(rules=rules), "L1", land({}), landed(1))
    assert broken(report) == ["by_hand"]
    assert report.outcome == "passed"
    assert "by_hand" in report.summary()


def test_a_damaged_segment_is_errored(contract: MakeContract, land: Land) -> None:
    (good,) = land({})
    for name, data in (("cut", good.read_bytes()[:-40]), ("text", b"<html>"), ("empty", b"")):
        bad = good.with_name(f"{name}.parquet")
        bad.write_bytes(data)
        for segments in ([bad], [good, bad]):
            assert judge(contract(), "L1", segments, landed(1)).outcome == "errored"
    report = judge(contract(), "L1", [good.with_name("gone.parquet")], landed(1))
    assert [r.rule for r in report.results if r.outcome == "errored"] == ["load_can_be_judged"]


def test_pages_damaged_inside_a_segment_are_errored(contract: MakeContract, land: Land) -> None:
    (path,) = land(*[{"value_usd": str(i)} for i in range(200)])
    data = bytearray(path.read_bytes())
    data[4:1200] = bytes(1196)
    path.write_bytes(bytes(data))
    assert judge(contract(), "L1", [path], landed(200)).outcome == "errored"


def test_missing_rows_and_columns_are_found(contract: MakeContract, land: Land) -> None:
    import pyarrow.parquet as pq

    (path,) = land({}, {})
    assert broken(judge(contract(), "L1", [path], landed(3))) == ["rows_as_counted"]
    table = pq.read_table(path)
    pq.write_table(table.select(list(reversed(table.column_names))), path)
    assert broken(judge(contract(), "L1", [path], landed(2))) == ["columns_as_in_contract"]
    pq.write_table(table.drop_columns(["pieces"]), path)
    assert judge(contract(), "L1", [path], landed(2)).outcome == "errored"


@pytest.mark.parametrize(
    "folder",
    ["a b", "it's", 'say "so"', "$HOME", "a%20b", "[x]*?", "year=2024", "Двина", "a;drop table x"],
)
def test_paths_are_taken_as_they_are(contract: MakeContract, land: Land, folder: str) -> None:
    report = judge(contract(), "L1", land({}, {}, folder=folder), landed(2))
    assert broken(report) == []


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        (LoadFacts(4, 2, 0, 1), ["counts_close"]),
        (LoadFacts(0, 0, 0, 0), ["row_floor"]),
        (LoadFacts(10, 0, 10, 0), ["row_floor", "quarantined_share"]),
    ],
)
def test_a_load_without_segments_has_its_counts_judged(
    contract: MakeContract, facts: LoadFacts, rules: Sequence[str]
) -> None:
    report = judge(contract(), "L1", [], facts)
    assert [r for r in broken(report) if r != "rows_as_counted"] == rules
    assert all(r.outcome == "failed" for r in report.results if r.rule in rules)
    # rows that are said to have landed, with nowhere to read them, are never passed over
    assert ("rows_as_counted" in broken(report)) == (facts.rows_landed > 0)


def test_limits_of_a_load_are_kept(contract: MakeContract, land: Land) -> None:
    segments = land({}, {})
    over = judge(contract(limits={"max_rows": 1}), "L1", segments, landed(2))
    assert broken(over) == ["row_ceiling"]
    assert over.outcome == "passed"  # a ceiling only warns
    limits = {"max_quarantined_share": 0.5}
    at = judge(contract(limits=limits), "L1", segments, LoadFacts(4, 2, 2, 0))
    assert at.outcome == "passed"
    above = judge(contract(limits=limits), "L1", segments, LoadFacts(5, 2, 3, 0))
    assert broken(above) == ["quarantined_share"]


def test_a_bound_that_is_no_number_is_errored(contract: MakeContract, land: Land) -> None:
    column = {"name": "pieces", "source": "n", "type": "integer", "minimum": "few",
              "description": "Pieces."}  # fmt: skip
    report = judge(contract(columns=[column], key=[], revision={"kind": "event"}),
                   "L1", land({}), landed(1))  # fmt: skip
    assert report.outcome == "errored"
    assert "'few'" in report.summary()


def test_nothing_stays_open_or_behind_and_nothing_is_printed(
    contract: MakeContract,
    land: Land,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    rules = hand_written("expect_column_values_to_match_regex", {"column": "period", "regex": "X"})
    assert judge(contract(rules=rules), "L1", land({}), landed(1)).outcome == "errored"
    assert list(scratch.iterdir()) == []
    links = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
             if os.path.islink(f"/proc/self/fd/{n}")]  # fmt: skip
    assert [link for link in links if str(tmp_path) in link] == []
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


@pytest.mark.parametrize("dataset", dataset_names())
def test_every_shipped_contract_gives_rules_that_can_be_judged(
    dataset: str, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    contract = load_contract(dataset)
    row = {column.name: _some(column.type) for column in contract.columns}
    table = pa.Table.from_pylist([{**row, "_row": 1}], pa.schema(
        [pa.field(f.name, f.type) for f in contract.schema]))  # fmt: skip
    pq.write_table(table, tmp_path / "s.parquet")
    report = judge(contract, "L1", [tmp_path / "s.parquet"], landed(1))
    assert len(report.results) > len(contract.rules) + 5
    assert [r for r in report.results if r.outcome == "errored"] == []


def _some(kind: str) -> Any:
    from datetime import date, datetime
    from decimal import Decimal

    some: dict[str, Callable[[], Any]] = {
        "integer": lambda: 1, "decimal": lambda: Decimal("1"), "boolean": lambda: True,
        "date": lambda: date(2024, 1, 1), "timestamp": lambda: datetime(2024, 1, 1),  # noqa: DTZ001
        "list": list,
    }  # fmt: skip
    return some.get(kind, lambda: "x")()
