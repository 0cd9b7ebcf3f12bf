"""The data dictionary as pages that load nothing from anywhere, and as comments of tables."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from dvina.dictionary import Columns, Entry, Field, comments, entries
from expectations.data_docs import page
from ingest.contract import Contract
from warehouse.publish import Words

FOLDER = "dictionary"
_HEADINGS = {
    "view": "Views: marts with names, for dashboards and analysts",
    "mart": "Marts",
    "dimension": "Dimensions",
    "about the data": "About the data themselves",
    "dataset": "Datasets, as their publishers' records are read",
}


def words_of(manifest: Mapping[str, Any], contracts: Iterable[Contract], columns: Columns) -> Words:
    """What a published version says about itself: comments in its database, and pages."""
    found = entries(manifest, contracts, columns)
    return Words(comments(found), pages(found))


def pages(found: tuple[Entry, ...]) -> dict[str, str]:
    """Path within a version -> page; ``dictionary/index.html`` leads to the others."""
    return {
        f"{FOLDER}/index.html": _index(found),
        **{f"{FOLDER}/{entry.name}.html": _page(entry) for entry in found},
    }


def _index(found: tuple[Entry, ...]) -> str:
    body = "<p>What every column means, with unit, source, grain and known defects.</p>"
    for kind, heading in _HEADINGS.items():
        rows = "".join(
            f'<tr><td><a href="{escape(e.name)}.html">{escape(e.name)}</a></td>'
            f"<td>{escape(e.grain)}</td><td>{len(e.fields)}</td><td>{len(e.defects)}</td></tr>"
            for e in found
            if e.kind == kind
        )
        if rows:
            head = (
                "<tr><th>name</th><th>one row per</th><th>columns</th><th>known defects</th></tr>"
            )
            body += f"<h2>{escape(heading)}</h2><table>{head}{rows}</table>"
    return page("Data dictionary", body)


def _page(entry: Entry) -> str:
    links = ", ".join(f'<a href="{escape(d)}.html">{escape(d)}</a>' for d in entry.datasets)
    body = (
        f'<p><a href="index.html">All tables</a></p><p>{escape(entry.about)}</p>'
        f"<p><b>One row per</b> {escape(entry.grain)}.</p>"
        + (f"<p><b>Made from</b> {links}.</p>" if links else "")
        + "<h2>Columns</h2><table><tr><th>column</th><th>type</th><th>meaning</th><th>unit</th>"
        f"<th>source</th></tr>{''.join(map(_row, entry.fields))}</table><h2>Known defects</h2>"
        + "<ul>"
        + ("".join(f"<li>{escape(d)}</li>" for d in entry.defects) or "<li>None is known.</li>")
        + "</ul>"
    )
    return page(entry.name, body)


def _row(field: Field) -> str:
    cells = (field.name, field.type, field.meaning, field.unit, field.source)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
