"""What a message says, as plain text and as HTML."""

from collections.abc import Sequence
from html import escape

from dvina.alerts.runbook import line_for
from expectations.incidents import Incident

Part = tuple[str, Sequence[str]]


def subject_line(kind: str, incident: Incident) -> str:
    """The title of a message."""
    return f"[{kind if kind != 'opened' else incident.severity}] {incident.title}"


def parts(kind: str, incident: Incident) -> list[Part]:
    """A message in named parts, empty ones left out; a resolved one says by what."""
    if kind == "resolved":
        found: list[Part] = [
            ("Resolved", [incident.note]),
            ("It was", [incident.text]),
            ("Open from", [f"{incident.opened_at} to {incident.seen_at}"]),
        ]
    else:
        times = f"{incident.times} times since {incident.opened_at}" if incident.times > 1 else ""
        found = [
            ("What", [incident.text, times]),
            ("Also", incident.symptoms[:5]),
            ("Loads", [", ".join(incident.loads[-3:])]),
            ("Affects", [", ".join(incident.marts)]),
            ("Read by", [", ".join(incident.consumers)]),
            ("Runbook", [line_for(incident.key.rpartition(" ")[2])]),
            ("Next", [incident.next_step]),
            ("Report", [incident.page]),
            ("Quiet it", [f"dvina alerts ack {incident.incident_id} --note ..."]),
        ]
    lines = [(name, [line for line in said if line]) for name, said in found]
    return [(name, said) for name, said in lines if said]


def as_text(said: Sequence[Part]) -> str:
    """Parts as plain text."""
    return "\n".join(f"{name}: {line}" for name, lines in said for line in lines)


def as_html(title: str, said: Sequence[Part]) -> str:
    """Parts as a fragment of HTML without anything to load."""
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0">'
        f"{escape(name)}</th><td>{'<br>'.join(map(escape, lines))}</td></tr>"
        for name, lines in said
    )
    return f"<h3>{escape(title)}</h3><table>{rows}</table>"
