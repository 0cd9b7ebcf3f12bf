"""A report as one page of HTML that loads nothing from anywhere: what alerts link to.

The page that Great Expectations renders itself fetches scripts and styles from public servers, so
its results are laid out here (docs/decisions.md).
"""

from collections.abc import Sequence
from html import escape

from expectations.report import CheckResult, Report

_STYLE = (
    "body{font:14px/1.4 sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:4px 8px;text-align:left;vertical-align:top}"
    ".passed{color:#186a3b}.failed{color:#922b21}.errored{color:#6c3483}code{white-space:pre-wrap}"
)


def page(title: str, body: str) -> str:
    """A whole page around a body of HTML."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def report_page(report: Report) -> str:
    """Every check of a report: those that did not pass first, with what breaks them."""
    broken = [result for result in report.results if result.outcome != "passed"]
    passed = [result for result in report.results if result.outcome == "passed"]
    facts = (
        f"<p>{escape(report.judged_at)}, contract {escape(report.contract_identity)}: "
        f'<b class="{report.outcome}">{report.outcome}</b>, {len(passed)} of '
        f"{len(report.results)} checks passed.</p>"
    )
    body = facts + _table("Did not pass", broken) + _table("Passed", passed)
    return page(f"{report.dataset} {report.subject}", body)


def _table(title: str, results: Sequence[CheckResult]) -> str:
    if not results:
        return ""
    head = "".join(
        f"<th>{name}</th>"
        for name in ("rule", "severity", "outcome", "column", "observed", "expected", "first rows")
    )
    return f"<h2>{title}</h2><table><tr>{head}</tr>{''.join(map(_row, results))}</table>"


def _row(result: CheckResult) -> str:
    shown = "<br>".join(escape(str(offender)) for offender in result.offenders)
    cells = (result.column or "", result.observed, result.expected)
    return (
        f"<tr><td>{escape(result.rule)}</td><td>{result.severity}</td>"
        f'<td class="{result.outcome}">{result.outcome}</td>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}<td>{shown}</td></tr>"
    )
