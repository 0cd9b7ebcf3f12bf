"""What the gate says: one result per rule, and a verdict that passes only when all were judged.

A report is a value of plain types: ``to_json`` and ``from_json`` are each other's inverse, so that
the verdict can be laid beside a load's manifest and read by machines and people.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from expectations.errors import ReportMalformed
from ingest.contract import SEVERITIES

OUTCOMES = ("passed", "failed", "errored")
MARTS = "marts"  # the dataset named by a report on marts
MAX_OFFENDERS = 20
_TOLD = 3  # findings that a summary spells out


@dataclass(frozen=True)
class Offender:
    """A value that breaks a rule.

    ``row`` is the source's record number from 1 (in marts the row's number in the table), or 0
    when a rule looks at groups of rows and not at single ones.
    """

    row: int
    column: str
    value: str

    def __str__(self) -> str:
        return f"row {self.row} value {self.value}" if self.row else f"value {self.value}"


@dataclass(frozen=True)
class CheckResult:
    """What became of one rule; ``severity`` is of SEVERITIES, ``outcome`` of OUTCOMES.

    ``offenders`` are the first of them, never more than MAX_OFFENDERS.
    """

    rule: str
    severity: str
    outcome: str
    column: str | None
    observed: str
    expected: str
    message: str
    offenders: tuple[Offender, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether this result alone keeps the subject from passing."""
        return self.outcome == "errored" or (self.outcome == "failed" and self.severity == "stop")


@dataclass(frozen=True)
class Report:
    """The verdict on one load, or on one version of the marts; ``judged_at`` is ISO 8601, UTC."""

    dataset: str
    subject: str
    contract_identity: str
    results: tuple[CheckResult, ...]
    judged_at: str

    @property
    def outcome(self) -> str:
        """``errored`` when any check errored or none was made, else ``failed`` or ``passed``."""
        if not self.results or any(r.outcome == "errored" for r in self.results):
            return "errored"
        return "failed" if any(r.stops for r in self.results) else "passed"

    def to_json(self) -> dict[str, Any]:
        """The report as a dict of plain types; the outcome is added for readers."""
        entry = asdict(self)
        entry["results"] = [
            {**result, "offenders": list(result["offenders"])} for result in entry["results"]
        ]
        return {**entry, "outcome": self.outcome}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Report":
        """The report that ``to_json`` wrote; other keys are left alone. Raises ReportMalformed."""
        try:
            return cls(
                dataset=_text(entry, "dataset"),
                subject=_text(entry, "subject"),
                contract_identity=_text(entry, "contract_identity"),
                results=tuple(_result(result) for result in entry["results"]),
                judged_at=_text(entry, "judged_at"),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ReportMalformed(
                f"A stored report cannot be read: {type(error).__name__}: {error}. "
                "Judge the load again."
            ) from error

    def summary(self) -> str:
        """A few lines for a person: what was found where, and what to do next."""
        name = f"{self.dataset} {'version' if self.dataset == MARTS else 'load'} {self.subject}"
        findings = sorted((r for r in self.results if r.outcome != "passed"), key=_gravity)
        told = [f"rule {r.rule} {r.outcome}: {r.message}" for r in findings[:_TOLD]]
        if len(findings) > _TOLD:
            told.append(f"{len(findings) - _TOLD} more rules did not pass.")
        if self.outcome == "passed":
            told.insert(0, f"passed {len(self.results) - len(findings)} checks.")
        elif not self.results:
            told.append("no check was made, and nothing passes unchecked.")
        return " ".join([f"{name}:", *told, *self._next_step()])

    def _next_step(self) -> tuple[str, ...]:
        if self.outcome == "passed":
            return ()
        if self.dataset == MARTS:
            return (
                "Readers keep the former version. Mend the model or its rule, then run "
                "'dvina build'.",
            )
        overrule = f"overrule with 'dvina accept {self.subject} --reason ...'."
        if self.outcome == "errored":
            return (f"What cannot be judged does not pass: mend {self.dataset}.yml or {overrule}",)
        look = f"'dvina quarantine show {self.subject}'"
        return (f"Look at the rows with {look}, mend the source or {overrule}",)


def _gravity(result: CheckResult) -> tuple[bool, bool]:
    return (not result.stops, result.outcome != "failed")


def _text(entry: Mapping[str, Any], key: str) -> str:
    if not isinstance(entry[key], str):
        raise TypeError(f"{key} is {entry[key]!r}, not text")
    return str(entry[key])


def _result(entry: Mapping[str, Any]) -> CheckResult:
    if entry["severity"] not in SEVERITIES:
        raise ValueError(f"severity {entry['severity']!r}")
    if entry["outcome"] not in OUTCOMES:
        raise ValueError(f"outcome {entry['outcome']!r}")
    offenders = tuple(Offender(**offender) for offender in entry["offenders"])
    return CheckResult(**{**entry, "offenders": offenders})
