"""Pages under ``ops/data_docs``: one for each load that broke a rule, and one of open incidents."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from dvina.alerts import messages
from expectations.data_docs import page, report_page
from expectations.incidents import Incident
from expectations.report import Report


def place(home: Path, dataset: str, subject: str) -> Path:
    """Where the page of a report lies."""
    return home / "ops" / "data_docs" / dataset / f"{subject}.html"


def keep_page(home: Path, report: Report) -> None:
    """Write the page of a report."""
    _write(place(home, report.dataset, report.subject), report_page(report))


def keep_index(home: Path, incidents: Sequence[Incident]) -> None:
    """Write the page of open incidents, with links to their reports."""
    opened = [incident for incident in incidents if incident.is_open]
    told = "".join(_incident(home, incident) for incident in opened)
    body = told or "<p>Nothing is open.</p>"
    _write(home / "ops" / "data_docs" / "index.html", page("Open incidents", body))


def _incident(home: Path, incident: Incident) -> str:
    title = f"{incident.severity}, {incident.state}: {incident.title}"
    link = ""
    if incident.page:
        target = Path(incident.page).relative_to(home / "ops" / "data_docs")
        link = f'<p><a href="{escape(str(target))}">the whole report</a></p>'
    return messages.as_html(title, messages.parts("opened", incident)) + link


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
