"""The page that a run of the long form writes: what was planted, what was said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dvina.alerts.messages import subject_line
from dvina.alerts.runbook import lines as runbook_lines
from expectations.incidents import Incident

PAGE = Path(__file__).parents[2] / "docs" / "quality.md"
_BEGIN, _END = "<!-- written by tests/faults -->", "<!-- end of what is written -->"


@dataclass(frozen=True)
class Line:
    """One fault, or a clean load (fault ``none``), and the incident it made."""

    fault: str
    publisher: str
    place: str
    state: str
    rule: str
    severity: str
    text: str

    @property
    def caught(self) -> bool:
        """Whether somebody would have heard of it."""
        return bool(self.rule)

    @classmethod
    def of(
        cls, fault: str, publisher: str, place: str, state: str, incidents: Sequence[Incident]
    ) -> "Line":
        """From the incidents that are open afterwards: the gravest is shown."""
        if not incidents:
            return cls(fault, publisher, place, state, "", "", "")
        top = min(incidents, key=lambda i: ("stop", "warn", "inform").index(i.severity))
        rule = top.key.removeprefix(top.subject).strip()
        text = f"{subject_line('opened', top)}: {top.text}"
        return cls(fault, publisher, place, state, rule, top.severity, text)


def write_page(faults: Sequence[Line], clean: Sequence[Line], seed: int) -> str:
    """Put the tables into the page; returns recall, misses and false alarms in words."""
    missed = [line for line in faults if not line.caught]
    alarms = [line for line in clean if line.caught]
    said = (
        f"{len(faults) - len(missed)} of {len(faults)} planted faults caught "
        f"({(len(faults) - len(missed)) / len(faults):.0%}); {len(alarms)} false alarms on "
        f"{len(clean)} clean loads of {len({c.publisher for c in clean})} publishers (seed {seed})."
    )
    told = "; ".join(f"{line.fault} ({line.publisher}, {line.place})" for line in missed) or "none"
    false = "; ".join(f"{c.publisher} {c.place}: {c.rule}" for c in alarms) or "none"
    counts = {c.publisher: sum(o.publisher == c.publisher for o in clean) for c in clean}
    text = "\n".join(
        [
            f"**{said}**", "",
            f"Missed: {told}.", "", f"False alarms: {false}.", "",
            f"Clean loads: {', '.join(f'{name} {n}' for name, n in counts.items())}.", "",
            "| fault | publisher, slice | load | caught by | severity | incident |",
            "|---|---|---|---|---|---|",
            *(_row(line) for line in faults), "",
            "## What to do", "", "| cause ends in | line |", "|---|---|",
            *(f"| {kind} | {line} |" for kind, line in runbook_lines().items()),
        ]
    )  # fmt: skip
    page = PAGE.read_text("utf-8")
    before, rest = page.split(_BEGIN)
    PAGE.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}", "utf-8")
    return f"{said}\nMissed: {told}\nFalse alarms: {false}"


def _row(line: Line) -> str:
    text = line.text.replace("|", "/").replace("\n", " ")
    shown = f"{text[:260]} ..." if len(text) > 260 else text
    return (
        f"| {line.fault} | {line.publisher}, {line.place} | {line.state} | "
        f"{line.rule or '**missed**'} | {line.severity or '-'} | {shown or '-'} |"
    )
