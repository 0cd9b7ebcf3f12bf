"""A report has three outcomes, survives JSON, and tells a person what to do."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.errors import ReportMalformed
from expectations.report import OUTCOMES, CheckResult, Offender, Report
from ingest.contract import SEVERITIES

_results = st.lists(
    st.builds(
        CheckResult,
        rule=st.text(),
        severity=st.sampled_from(SEVERITIES),
        outcome=st.sampled_from(OUTCOMES),
        column=st.none() | st.text(),
        observed=st.text(),
        expected=st.text(),
        message=st.text(),
        offenders=st.lists(st.builds(Offender, st.integers(), st.text(), st.text())).map(tuple),
    )
).map(tuple)
_reports = st.builds(Report, st.text(), st.text(), st.text(), _results, st.text())


@given(_reports)
def test_a_report_survives_json(report: Report) -> None:
    entry = {**json.loads(json.dumps(report.to_json())), "reason": "added by a caller"}
    assert Report.from_json(entry) == report
    assert entry["outcome"] == report.outcome


@given(_reports)
def test_a_report_passes_only_when_all_was_judged(report: Report) -> None:
    outcomes = [r.outcome for r in report.results]
    stopped = any(r.outcome == "failed" and r.severity == "stop" for r in report.results)
    if "errored" in outcomes or not outcomes:
        assert report.outcome == "errored"
    else:
        assert report.outcome == ("failed" if stopped else "passed")
    assert report.subject in report.summary()


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {
            "dataset": "d",
            "subject": "s",
            "contract_identity": "1",
            "results": [{}],
            "judged_at": "",
        },
        {"dataset": 1, "subject": "s", "contract_identity": "1", "results": [], "judged_at": ""},
    ],
)
def test_what_is_no_report_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ReportMalformed):
        Report.from_json(entry)


def test_a_stored_outcome_is_of_no_account() -> None:
    entry = Report("d", "s", "1", (), "now").to_json()
    assert Report.from_json({**entry, "outcome": "passed"}).outcome == "errored"


def test_importing_the_gate_does_not_import_great_expectations() -> None:
    code = "import sys, expectations.gate; print('great_expectations' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"
