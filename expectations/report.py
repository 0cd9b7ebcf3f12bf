"""What a gate answers: one result per check, and one of three outcomes for the whole."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

PASSED, FAILED, ERRORED = "passed", "failed", "errored"


@dataclass(frozen=True)
class Offender:
    """A row that broke a check: its record number in the source, and the value."""

    row: int
    value: str


@dataclass(frozen=True)
class CheckResult:
    """One check's answer; ``outcome`` is passed, failed or errored."""

    rule: str
    severity: str
    outcome: str
    column: str | None
    observed: str
    expected: str
    message: str
    offenders: tuple[Offender, ...] = ()


@dataclass(frozen=True)
class Report:
    """All answers on one subject, a load or a version of the marts."""

    dataset: str
    subject: str
    results: tuple[CheckResult, ...]
    judged_at: str

    @property
    def outcome(self) -> str:
        """errored if any check errored or none was made; failed if a rule that stops failed."""
        if not self.results or any(r.outcome == ERRORED for r in self.results):
            return ERRORED
        stopped = any(r.outcome == FAILED and r.severity == "stop" for r in self.results)
        return FAILED if stopped else PASSED

    def summary(self, limit: int = 3) -> str:
        """The broken rules in words, and the next step."""
        broken = [r for r in self.results if r.outcome != PASSED]
        broken.sort(key=lambda r: (r.outcome != ERRORED, r.severity != "stop"))
        told = "; ".join(r.message for r in broken[:limit])
        more = f"; and {len(broken) - limit} more" if len(broken) > limit else ""
        return f"{self.dataset} {self.subject}: {told}{more}" if broken else "no rule was broken"

    def to_json(self) -> dict[str, Any]:
        """Plain types, as ``from_json`` takes them."""
        return {**asdict(self), "outcome": self.outcome}

    @staticmethod
    def from_json(entry: Mapping[str, Any]) -> "Report":
        """The report that ``to_json`` wrote."""
        results = tuple(
            CheckResult(**{**r, "offenders": tuple(Offender(**o) for o in r["offenders"])})
            for r in entry["results"]
        )
        return Report(entry["dataset"], entry["subject"], results, entry["judged_at"])


def report(dataset: str, subject: str, results: tuple[CheckResult, ...]) -> Report:
    """A report made now."""
    return Report(dataset, subject, results, datetime.now(UTC).isoformat(timespec="seconds"))
