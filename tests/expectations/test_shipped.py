"""The suites of the shipped contracts answer on the shipped samples, and none raises."""

from collections.abc import Callable
from pathlib import Path

import pytest

from expectations.gate import LoadFacts, judge
from expectations.report import Report
from expectations.suite import suite_rules
from ingest.contract import Contract, dataset_names, load_contract
from ingest.landing import Landed
from tests.conftest import SAMPLES, synthetic
from tests.support import land

Write = Callable[[str, str | bytes], Path]
GOOD = ("Belarus,2021-01,8703,1,", "Russia,2021-01,8704,2,2021-02-03")


def _judge(contract: Contract, landed: Landed, **counts: int) -> Report:
    m = landed.manifest
    facts = {"rows_read": m.rows_read, "rows_landed": m.rows_landed,
             "rows_quarantined": m.rows_quarantined, "rows_duplicate": m.rows_duplicate, **counts}  # fmt: skip
    return judge(contract, m.load_id, landed.segments, LoadFacts(**facts))


@pytest.mark.parametrize("dataset", dataset_names())
def test_no_expectation_of_a_shipped_contract_raises_on_its_sample(
    home: Path, dataset: str
) -> None:
    contract = load_contract(dataset)
    files = sorted(p for p in (SAMPLES / dataset).glob("*.*") if p.suffix != ".md") or synthetic(
        dataset
    )
    assert files
    for file in files:
        answer = _judge(contract, land(contract, file, home))
        assert len(answer.results) >= len(suite_rules(contract)) > 3
        assert [r.message for r in answer.results if r.outcome != "passed"] == []
        assert answer.outcome == "passed"
