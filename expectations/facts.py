"""Checks on a load's counts, which need no look at its rows."""

from dataclasses import dataclass

from expectations.report import CheckResult
from ingest.contract import Contract, Limits


@dataclass(frozen=True)
class LoadFacts:
    """How many records were read, and what became of them."""

    rows_read: int
    rows_landed: int
    rows_quarantined: int
    rows_duplicate: int
    refusals: str = ""  # the commonest reason of refusal in words, with its first row


def judge_facts(contract: Contract, facts: LoadFacts) -> tuple[CheckResult, ...]:
    """Whether the counts close and keep within the contract's limits."""
    limits = contract.limits
    checks = [_counts_close(facts), _floor(limits, facts)]
    if limits.max_rows is not None:
        checks.append(_ceiling(limits.max_rows, facts))
    return (*checks, _quarantined(limits, facts))


def _counts_close(facts: LoadFacts) -> CheckResult:
    total = facts.rows_landed + facts.rows_quarantined + facts.rows_duplicate
    return _check(
        "counts_close",
        "stop",
        facts.rows_read == total,
        f"{facts.rows_read} rows read",
        f"{facts.rows_landed} landed + {facts.rows_quarantined} quarantined + "
        f"{facts.rows_duplicate} duplicates = {total}",
        "A row that was read is landed, quarantined or a duplicate; else rows were lost.",
    )


def _floor(limits: Limits, facts: LoadFacts) -> CheckResult:
    return _check(
        "row_floor",
        "stop",
        facts.rows_landed >= limits.min_rows,
        f"{facts.rows_landed} rows landed",
        f"{limits.min_rows} or more",
        "A load this small is cut short or empty.",
    )


def _ceiling(max_rows: int, facts: LoadFacts) -> CheckResult:
    return _check(
        "row_ceiling",
        "warn",
        facts.rows_landed <= max_rows,
        f"{facts.rows_landed} rows landed",
        f"{max_rows} or fewer",
        "A load this large may hold more than was asked for; raise 'max_rows' if it is right.",
    )


def _quarantined(limits: Limits, facts: LoadFacts) -> CheckResult:
    share = facts.rows_quarantined / facts.rows_read if facts.rows_read else 0.0
    return _check(
        "quarantined_share",
        "stop",
        share <= limits.max_quarantined_share,
        f"{facts.rows_quarantined} of {facts.rows_read} rows quarantined ({share:.2%})",
        f"at most {limits.max_quarantined_share:.2%}",
        f"Most by {facts.refusals}." if facts.refusals else "The source has changed.",
    )


def _check(
    rule: str, severity: str, passes: bool, observed: str, expected: str, why: str
) -> CheckResult:
    message = f"{observed}, as expected" if passes else f"{observed}, expected {expected}. {why}"
    outcome = "passed" if passes else "failed"
    return CheckResult(rule, severity, outcome, None, observed, expected, message)
