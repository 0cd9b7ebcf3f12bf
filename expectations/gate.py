"""The gate: judges a landed load, or marts written aside, without any lock.

``judge`` looks at the load's segments through a view in a small DuckDB file of its own. Beside
the expectations it checks the counts of the load. What cannot be checked is errored.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from expectations.report import ERRORED, FAILED, PASSED, CheckResult, Report, report
from expectations.runner import load_great_expectations, run_checks
from expectations.suite import check_of, checks_of
from ingest.contract import Contract, Rule

MARTS = Path(__file__).parent / "marts.yml"


@dataclass(frozen=True)
class LoadFacts:
    """The counts of a load, in rows."""

    rows_read: int
    rows_landed: int
    rows_quarantined: int
    rows_duplicate: int
    refusals: str = ""  # the commonest reason of refusal, in words


def warm() -> None:
    """Import Great Expectations ahead of time."""
    load_great_expectations()


def judge(contract: Contract, load_id: str, segments: Sequence[Path], facts: LoadFacts) -> Report:
    """Judge a landed load; never raises for the data's sake."""
    results = list(_counts(contract, facts))
    if segments and facts.rows_landed:
        with tempfile.TemporaryDirectory(prefix="dvina-gate-") as folder:
            file = Path(folder) / "gate.duckdb"
            try:
                _lay_view(file, segments)
                results += run_checks(file, "landed", checks_of(contract))
            except duckdb.Error as error:
                results.append(_unreadable(error))
    return report(contract.dataset, load_id, tuple(results))


def judge_marts(file: Path, version_id: str, rules: Path = MARTS) -> Report:
    """Judge the marts of a DuckDB file that was written aside (schema ``marts``)."""
    results: list[CheckResult] = []
    for mart, entries in yaml.safe_load(rules.read_text(encoding="utf-8")).items():
        checks = [check_of(Rule(**{**e, "name": f"{mart}.{e['name']}"})) for e in entries]
        results += run_checks(file, mart, checks, schema="marts")
    return report("marts", version_id, tuple(results))


def _lay_view(file: Path, segments: Sequence[Path]) -> None:
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in segments)
    with duckdb.connect(file) as connection:
        connection.execute(f"create view landed as from read_parquet([{files}])")


def _unreadable(error: Exception) -> CheckResult:
    return CheckResult(
        "segments_are_readable", "stop", ERRORED, None, "unreadable", "Parquet segments",
        f"the landed segments cannot be read: {error}",
    )  # fmt: skip


def _counts(contract: Contract, facts: LoadFacts) -> tuple[CheckResult, ...]:
    limits = contract.limits
    kept = facts.rows_landed + facts.rows_quarantined + facts.rows_duplicate
    share = facts.rows_quarantined / facts.rows_read if facts.rows_read else 0.0
    most = limits.max_rows
    return (
        _plain(
            "counts_close", "stop", facts.rows_read == kept, f"{facts.rows_read} rows read",
            f"{kept} landed, quarantined and duplicate",
        ),
        _plain(
            "enough_rows", "stop", facts.rows_landed >= limits.min_rows,
            f"{facts.rows_landed} rows landed", f"at least {limits.min_rows}",
        ),
        _plain(
            "not_too_many_rows", "warn", most is None or facts.rows_landed <= most,
            f"{facts.rows_landed} rows landed", f"at most {most or 'any number'}",
        ),
        _plain(
            "few_rows_quarantined", "stop", share <= limits.max_quarantined_share,
            f"{facts.rows_quarantined} of {facts.rows_read} rows ({share:.1%}) in quarantine"
            + (f", most by {facts.refusals}" if facts.refusals else ""),
            f"at most {limits.max_quarantined_share:.1%}",
        ),
    )  # fmt: skip


def _plain(rule: str, severity: str, passed: bool, observed: str, expected: str) -> CheckResult:
    verdict = "passed" if passed else f"failed: {observed} where {expected} is expected"
    return CheckResult(
        rule, severity, PASSED if passed else FAILED, None, observed, expected,
        f"rule {rule} {verdict}",
    )  # fmt: skip
