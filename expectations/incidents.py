"""Incidents: one for each root cause, whatever number of checks, loads or dependants it breaks.

Pure values and functions; the caller keeps incidents and sends messages. A *finding* says what is
wrong with a subject now. Findings whose subject depends on another's that is wrong too are
symptoms of it. A cause that goes on is the same incident; one that ends is resolved, and says by
what.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ingest.contract import SEVERITIES

MAX_KEPT = 20  # loads and symptoms that an incident names
Upstream = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class Finding:
    """What is wrong with a subject.

    ``cause`` names it in few words that stay the same while it goes on; ``evidence`` names this
    occurrence (a load), so that looking twice does not count twice.
    """

    subject: str
    cause: str
    severity: str
    title: str
    text: str
    next_step: str
    datasets: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    evidence: str = ""
    symptoms: tuple[str, ...] = ()
    page: str = ""  # where the whole report is

    @property
    def key(self) -> str:
        """What makes two findings one incident."""
        return f"{self.subject} {self.cause}"


@dataclass(frozen=True)
class Incident:
    """One cause from its first to its last sign; times are ISO 8601, UTC."""

    incident_id: str
    key: str
    subject: str
    severity: str
    title: str
    text: str
    next_step: str
    opened_at: str
    seen_at: str
    state: str = "open"  # open, acknowledged, resolved
    datasets: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()  # the newest of them
    times: int = 1
    symptoms: tuple[str, ...] = ()
    page: str = ""
    marts: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    by: str = ""  # who acknowledged or resolved it
    note: str = ""
    told_at: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)  # what the last message said

    @property
    def is_open(self) -> bool:
        """Whether the cause goes on."""
        return self.state != "resolved"

    @property
    def gist(self) -> dict[str, Any]:
        """What must change for a message to be worth sending."""
        return {
            "state": "resolved" if self.state == "resolved" else "open",
            "severity": self.severity,
            "datasets": sorted(self.datasets),
        }

    def to_json(self) -> dict[str, Any]:
        """As plain types."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Incident":
        """What ``to_json`` wrote."""
        lists = {k: tuple(v) for k, v in entry.items() if isinstance(v, list)}
        return cls(**{**entry, **lists})


def rooted(findings: Sequence[Finding], upstream: Upstream) -> tuple[Finding, ...]:
    """The findings that no other explains, each with those that it explains as symptoms."""
    by_subject: dict[str, Finding] = {}
    for finding in sorted(findings, key=_gravity):
        by_subject.setdefault(finding.subject, finding)
    roots = {f.subject: [f] for f in findings if _root(f.subject, by_subject, upstream) is None}
    explained: dict[str, list[Finding]] = {subject: [] for subject in roots}
    for finding in findings:
        root = _root(finding.subject, by_subject, upstream)
        if root is not None:
            explained[root].append(finding)
    return tuple(
        _with_symptoms(finding, explained[finding.subject])
        for finding in findings
        if finding.subject in roots
    )


def advanced(
    known: Mapping[str, Incident],
    findings: Sequence[Finding],
    good: Mapping[str, str],
    now: datetime,
) -> tuple[Incident, ...]:
    """The incidents that are new, go on or end; ``known`` are those by key that are not resolved.

    ``good`` maps subjects that are well again to what shows it.
    """
    moved: dict[str, Incident] = {}
    for finding in findings:
        present = moved.get(finding.key, known.get(finding.key))
        moved[finding.key] = _goes_on(present, finding, now) if present else _opened(finding, now)
    for key, incident in known.items():
        if key not in moved and incident.subject in good:
            reason = good[incident.subject]
            moved[key] = replace(
                incident, state="resolved", by="dvina", note=reason, seen_at=_text(now)
            )
    return tuple(moved.values())


def message_due(incident: Incident, now: datetime, repeat: timedelta) -> str | None:
    """What kind of message is due: opened, changed, still open, resolved; None when none is."""
    told = incident.told
    if incident.state == "resolved":
        return "resolved" if told and told["state"] != "resolved" else None
    if not told:
        return None if incident.state == "acknowledged" else "opened"
    worse = SEVERITIES.index(incident.severity) < SEVERITIES.index(told["severity"])
    if incident.state == "acknowledged":
        return "changed" if worse else None
    if worse or set(incident.datasets) - set(told["datasets"]):
        return "changed"
    again = now - datetime.fromisoformat(incident.told_at) >= repeat
    return "still open" if again else None


def _opened(finding: Finding, now: datetime) -> Incident:
    text = _text(now)
    number = hashlib.sha256(f"{finding.key} {text}".encode()).hexdigest()[:4]
    return Incident(
        f"{now:%y%m%d%H%M%S}-{number}", finding.key, finding.subject, finding.severity,
        finding.title, finding.text, finding.next_step, text, text,
        datasets=finding.datasets, sectors=finding.sectors,
        loads=(finding.evidence,) if finding.evidence else (),
        symptoms=finding.symptoms[:MAX_KEPT], page=finding.page,
    )  # fmt: skip


def _goes_on(incident: Incident, finding: Finding, now: datetime) -> Incident:
    seen = finding.evidence in incident.loads or not finding.evidence
    loads = incident.loads if seen else (*incident.loads, finding.evidence)[-MAX_KEPT:]
    return replace(
        incident,
        severity=min(incident.severity, finding.severity, key=SEVERITIES.index),
        title=finding.title, text=finding.text, next_step=finding.next_step, page=finding.page,
        datasets=tuple(dict.fromkeys((*incident.datasets, *finding.datasets))),
        sectors=tuple(dict.fromkeys((*incident.sectors, *finding.sectors))),
        loads=loads, times=incident.times + (not seen), seen_at=_text(now),
        symptoms=tuple(dict.fromkeys((*finding.symptoms, *incident.symptoms)))[:MAX_KEPT],
    )  # fmt: skip


def _root(subject: str, by_subject: Mapping[str, Finding], upstream: Upstream) -> str | None:
    """The farthest subject upstream that has a finding; None when there is none."""
    farthest, queue, met = None, list(upstream(subject)), {subject}
    while queue:
        above = queue.pop(0)
        if above not in met:
            met.add(above)
            if above in by_subject:
                farthest = above
            queue += upstream(above)
    return farthest


def _with_symptoms(finding: Finding, explained: Sequence[Finding]) -> Finding:
    symptoms = (*finding.symptoms, *(other.title for other in explained))
    datasets = (*finding.datasets, *(name for other in explained for name in other.datasets))
    worst = min((finding, *explained), key=_gravity).severity
    return replace(
        finding,
        severity=worst,
        symptoms=tuple(dict.fromkeys(symptoms)),
        datasets=tuple(dict.fromkeys(datasets)),
    )


def _gravity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
