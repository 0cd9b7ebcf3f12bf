"""Looks at everything, moves incidents on, writes the messages that are due and sends them."""

import json
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any

from dvina.alerts import delivery, messages, store
from dvina.alerts.findings import good_loads, of_build, of_load, of_tasks, overdue, upstream
from dvina.alerts.lineage import reached_by
from dvina.alerts.pages import keep_index
from dvina.settings import AlertRoute, Settings
from expectations.incidents import Finding, Incident, advanced, message_due, rooted
from ingest.contract import SEVERITIES, dataset_names, load_contract

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What a sweep did: incidents that moved, messages that were delivered and are left."""

    moved: tuple[Incident, ...]
    delivered: int
    undelivered: int


def sweep(
    settings: Settings, now: datetime | None = None, dataset: str | None = None, fine: str = ""
) -> Swept:
    """Look at all, or at one dataset's loads; raises filelock.Timeout, OSError.

    ``fine`` says why the dataset is well although its newest load may not be.
    """
    now = now or datetime.now(UTC)
    moved: dict[str, Incident] = {}
    with store.changing(settings.home):
        seen = {}
        for step in _unseen_loads(settings, dataset):
            seen[step["dataset"]] = step["load_id"]
            _advance(settings, of_load(settings.home, step), good_loads([step]), now, moved)
        if seen:
            store.move_cursor(settings.home, seen)
        if fine:
            _advance(settings, (), {f"load:{dataset}": fine}, now, moved)
        findings, good = _state(settings, now, dataset)
        _advance(settings, findings, good, now, moved)
        _tell(settings, now)
        if moved:
            keep_index(settings.home, store.incidents(settings.home))
    return Swept(tuple(moved.values()), *delivery.flush(settings.home, now))


def at_once(settings: Settings, dataset: str | None = None, fine: str = "") -> None:
    """A sweep that never stops the work it comes after: what goes wrong is logged."""
    try:
        sweep(settings, dataset=dataset, fine=fine)
    except Exception as error:  # an alert must not undo a load
        _log.warning("alerts could not be looked at: %s", type(error).__name__)


def acknowledge(settings: Settings, incident_id: str, by: str, note: str) -> Incident:
    """Take note of an incident: nothing more is sent until it gets worse or is resolved."""
    return _change(settings, incident_id, state="acknowledged", by=by, note=note)


def resolve(settings: Settings, incident_id: str, by: str, note: str) -> Incident:
    """Close an incident by hand, and tell those who were told of it."""
    incident = _change(settings, incident_id, state="resolved", by=by, note=note)
    with store.changing(settings.home):
        _tell(settings, datetime.now(UTC))
    delivery.flush(settings.home, datetime.now(UTC))
    return incident


def routes_of(settings: Settings, incident: Incident) -> list[AlertRoute]:
    """The routes that an incident goes to: by dataset, sector, owner and severity."""
    owners = {load_contract(d).owner for d in incident.datasets if d in dataset_names()}
    return [
        route
        for route in settings.routes
        if SEVERITIES.index(incident.severity) <= SEVERITIES.index(route.severity)
        and _meets(incident.datasets, route.datasets)
        and _meets(incident.sectors, route.sectors)
        and _meets(owners, route.owners)
    ]


def quiet(settings: Settings, incident: Incident, now: datetime) -> bool:
    """Whether a window of silence covers the incident: ``PATTERN`` and ``FROM/TO`` or hours."""
    for window in settings.alert_quiet:
        pattern, _, when = window.partition(" ")
        if _meets(incident.datasets, (pattern,)) and _within(when.strip(), now):
            return True
    return False


def _unseen_loads(settings: Settings, dataset: str | None) -> Iterable[Mapping[str, Any]]:
    """Decided loads that were not looked at, oldest first, and the newest of each dataset."""
    cursor = store.cursor(settings.home)
    wrong = {i.subject for i in store.incidents(settings.home) if i.is_open}
    for name in (dataset,) if dataset else dataset_names():
        listed = sorted((settings.home / "ops" / "loads" / name).glob("[!.]*.json"))
        fresh = [path for path in listed if path.stem > cursor.get(name, "")]
        if name not in cursor:  # of a home older than its alerts only the newest load counts
            fresh = fresh[-1:]
        if not fresh and f"load:{name}" in wrong:  # somebody may have overruled it
            fresh = listed[-1:]
        yield from (json.loads(path.read_text("utf-8")) for path in fresh)


def _state(
    settings: Settings, now: datetime, dataset: str | None
) -> tuple[tuple[Finding, ...], dict[str, str]]:
    """What is wrong now apart from single loads; for one dataset only whether it came in."""
    if dataset:
        late_one = f"late:{load_contract(dataset).publisher.name}"
        if not any(i.subject == late_one and i.is_open for i in store.incidents(settings.home)):
            return (), {}
    late, in_time = overdue(settings.home, now)
    if dataset:
        return (), in_time
    builds, built = of_build(settings.home)
    tasks = of_tasks(settings.home)
    failing = {finding.subject for finding in tasks}
    good = {**in_time, **built}
    for incident in store.incidents(settings.home):
        if incident.subject.startswith("task:") and incident.subject not in failing:
            good[incident.subject] = "the task succeeded"
    return (*late, *builds, *tasks), good


def _advance(
    settings: Settings,
    findings: tuple[Finding, ...],
    good: dict[str, str],
    now: datetime,
    moved: dict[str, Incident],
) -> None:
    known = {i.key: i for i in store.incidents(settings.home) if i.is_open}
    standing = [_standing(i) for i in known.values() if i.subject not in good]
    here = {finding.subject for finding in findings}
    others = [f for f in standing if f.subject not in here]
    roots = [f for f in rooted([*findings, *others], upstream) if f.subject in here]
    grown = {f.subject: f for f in rooted([*findings, *others], upstream)}
    for incident in advanced(known, roots, good, now):
        marts, consumers = reached_by(settings.home, incident.datasets)
        incident = replace(incident, marts=marts, consumers=consumers)
        store.save(settings.home, incident)
        moved[incident.incident_id] = incident
    for finding in others:  # what is open already explains what came to light now
        if (extra := grown.get(finding.subject)) and extra.symptoms != finding.symptoms:
            incident = replace(known[finding.key], symptoms=extra.symptoms[:20])
            store.save(settings.home, incident)
            moved[incident.incident_id] = incident


def _standing(incident: Incident) -> Finding:
    return Finding(
        incident.subject, incident.key.rpartition(" ")[2], incident.severity, incident.title,
        incident.text, incident.next_step, incident.datasets, symptoms=incident.symptoms,
    )  # fmt: skip


def _tell(settings: Settings, now: datetime) -> None:
    """Write the messages that are due into the outbox."""
    for incident in store.incidents(settings.home):
        kind = message_due(incident, now, timedelta(hours=settings.alert_repeat_hours))
        if kind is None or (kind != "resolved" and quiet(settings, incident, now)):
            continue
        for route in routes_of(settings, incident):
            post(settings, route.name, kind, incident, now)
        state = "open" if kind == "changed" else incident.state  # worse than what was acknowledged
        when = now.isoformat(timespec="seconds")
        told = replace(incident, state=state, told=incident.gist, told_at=when)
        store.save(settings.home, told)


def post(settings: Settings, route: str, kind: str, incident: Incident, now: datetime) -> None:
    """Put one message for one route into the outbox."""
    title, said = messages.subject_line(kind, incident), messages.parts(kind, incident)
    put(
        settings, route, title, messages.as_text(said), messages.as_html(title, said), now,
        "resolved" if kind == "resolved" else incident.severity,
    )  # fmt: skip


def put(
    settings: Settings, route: str, title: str, text: str, html: str, now: datetime, mood: str
) -> None:
    """Put a message into the outbox, once for each address of the route."""
    for at in range(max(1, len(delivery.addresses(route)))):  # each is delivered by itself
        name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        entry = {"message_id": name, "route": route, "at": at, "title": title, "mood": mood}
        bodies = {"text": text, "html": html, "created_at": now.isoformat()}
        store.put_message(settings.home, {**entry, **bodies})


def _change(settings: Settings, incident_id: str, **changes: Any) -> Incident:
    with store.changing(settings.home):
        found = [
            i
            for i in store.incidents(settings.home)
            if i.is_open and i.incident_id.startswith(incident_id)
        ]
        if len(found) != 1:
            raise ValueError(
                f"{len(found)} open incidents are called {incident_id}. See 'dvina alerts list'."
            )
        incident = replace(found[0], **changes)
        store.save(settings.home, incident)
        return incident


def _meets(names: Iterable[str], patterns: Iterable[str]) -> bool:
    wanted, told = tuple(patterns), tuple(names)
    if "*" in wanted or not told:  # what belongs to none in particular concerns all
        return True
    return any(fnmatch(name, pattern) for name in told for pattern in wanted)


def _within(when: str, now: datetime) -> bool:
    if "/" in when:
        begins, ends = (datetime.fromisoformat(t).replace(tzinfo=UTC) for t in when.split("/"))
        return begins <= now < ends
    begin, end = when.split("-")
    clock = f"{now:%H:%M}"
    return begin <= clock < end if begin <= end else clock >= begin or clock < end
