"""Prints what commands have to say: tables and lines for people, JSON for machines."""

import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

out = Console()
err = Console(stderr=True)

DATA_FAILED, WRONG_USE, ENVIRONMENT_FAILED = 1, 2, 3
_PERIODS = {"A": "years", "Q": "quarters", "M": "months"}
MARKS = {"accepted": "[green]accepted[/]", "rejected": "[red]rejected[/]"}


def equation(load: dict[str, Any]) -> str:
    """The count equation of a load in words."""
    return (
        f"{load['rows_read']} read = {load['rows_landed']} landed + "
        f"{load['rows_quarantined']} quarantined + {load['rows_duplicate']} duplicates"
    )


def print_outcome(outcome: Any) -> None:
    """What became of one source."""
    mark = MARKS.get(outcome.state, outcome.state)
    out.print(
        f"{outcome.dataset} {outcome.origin}: {mark}. {outcome.counts}",
        highlight=False,
        soft_wrap=True,
    )
    if outcome.state != "accepted":
        out.print(f"  {outcome.message}", highlight=False, soft_wrap=True)
    elif outcome.rows_quarantined:
        out.print(f"  see them: dvina quarantine show {outcome.load_id}", highlight=False)
    for change in outcome.drift:
        out.print(f"  warning: {change}", highlight=False)


def print_build(facts: dict[str, Any], as_json: bool) -> None:
    """What became of a build or publication; raises typer.Exit when it failed."""
    if as_json:
        print_json(facts)
    else:
        out.print(
            f"{facts['state']}: {facts.get('message') or facts['version_id']}", soft_wrap=True
        )
        for mart in facts.get("marts", ()):
            _print_mart(mart)
    if facts["state"] == "failed":
        raise typer.Exit(DATA_FAILED)


def _print_mart(mart: dict[str, Any]) -> None:
    """One mart: how much it holds, then which share of the rows knows each measure."""
    told = [f"{mart['rows']} rows"]
    told += [f"{mart[what]} {what}" for what in ("pairs", "sectors") if mart[what] is not None]
    told += [
        f"{span['first']} to {span['last']} ({span['count']} {_PERIODS[span['frequency']]})"
        for span in mart["periods"]
    ]
    out.print(f"{mart['mart']}: {', '.join(told)}", highlight=False, soft_wrap=True)
    shares = [f"{name} {_percent(share)}" for name, share in mart["filled"].items() if mart["rows"]]
    if shares:
        out.print(Padding("known: " + ", ".join(shares), (0, 0, 0, 4)), highlight=False)


def _percent(share: float) -> str:
    """A share in percent; only what is whole is 0 or 100."""
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"


def print_rows(entries: list[dict[str, Any]], as_json: bool, title: str) -> None:
    """Entries as a table, or as JSON."""
    if as_json:
        print_json(entries)
    elif not entries:
        out.print(f"no {title}")
    else:
        table = Table(title=title, title_justify="left")
        for name in entries[0]:
            table.add_column(name, overflow="fold")
        for entry in entries:
            table.add_row(*(str(value) for value in entry.values()))
        out.print(table)


def print_json(value: object) -> None:
    """A value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=1, default=str, ensure_ascii=False) + "\n")
