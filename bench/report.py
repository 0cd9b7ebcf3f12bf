"""Writes results as JSON, as a table for the terminal, and as a page of the documentation."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.rows import Result

LATEST = Path(__file__).parent / "results" / "latest.json"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- figures: written by python -m bench -->", "<!-- end of figures -->"
_PACKAGES = ("duckdb", "pyarrow", "great-expectations", "numpy")
_HEAD = (
    "row", "size", "ours s", "limit s", "ratio", "goal", "met", "peak MB", "peer", "on", "note",
)  # fmt: skip


def surroundings(command: str) -> dict[str, Any]:
    """What the figures were taken with; names no place on the machine."""
    return {
        "command": command,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3),
        "load_at_start": round(os.getloadavg()[0], 1),
    }


def save(results: Sequence[Result], around: dict[str, Any], minutes: float) -> None:
    """Keep the results in ``latest.json`` and put the table into the page.

    Rows that were not measured this time stay, and are marked by the day that they are of.
    """
    today = datetime.now(UTC).date().isoformat()
    entry = {**around, "on": today, "minutes": round(minutes, 1)}
    results = _with_former(results, today)
    entry["rows"] = [_plain(r) for r in results]
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(_BEGIN)
    _, after = rest.split(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n{_section(results, entry)}{_END}{after}", encoding="utf-8")


def _with_former(results: Sequence[Result], today: str) -> list[Result]:
    """The results of today, and former ones of other rows, in the order of the former table."""
    now = [replace(result, on=today) for result in results]
    former = json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.exists() else {"rows": []}
    known = {field.name for field in fields(Result)}
    kept = [Result(**{k: v for k, v in entry.items() if k in known}) for entry in former["rows"]]
    order = {row: n for n, row in enumerate(dict.fromkeys(r.row for r in [*kept, *now]))}
    told = {result.row for result in now}
    return sorted([*now, *(r for r in kept if r.row not in told)], key=lambda r: order[r.row])


def table(results: Sequence[Result]) -> str:
    """The results as aligned text."""
    lines = [_HEAD, *(_cells(result) for result in results)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_HEAD))]
    texts = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(text.rstrip() for text in texts)


def _section(results: Sequence[Result], entry: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {entry[name]}" for name in ("python", *_PACKAGES))
    lines = [
        f"`{entry['command']}` took {entry['minutes']} minutes on {entry['on']}, "
        f"on {entry['cores']} cores, "
        f"{entry['memory_gib']} GiB, load {entry['load_at_start']} at the start; {versions}.",
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|" + "---|" * len(_HEAD),
        *("| " + " | ".join(_cells(result)) + " |" for result in results),
    ]
    return "\n".join(lines) + "\n"


def _cells(r: Result) -> tuple[str, ...]:
    peer = f"{r.peer} {r.peer_s:.2f} s, {r.ratio_to_peer:.2f}" if r.peer_s else r.peer
    return (
        r.row,
        r.size,
        _seconds(r.ours_s, r.ours_spread) if r.ours_s else "-",
        _seconds(r.limit_s, r.limit_spread) if r.limit_s else "-",
        f"{r.ratio_to_limit:.2f}" if r.ratio_to_limit else "-",
        r.goal or "-",
        {True: "yes", False: "no", None: "-"}[r.met],
        f"{r.peak_mb:.0f}" if r.peak_mb else "-",
        peer or "-",
        r.on or "-",
        r.note or "-",
    )


def _seconds(median: float, ends: tuple[float, float] | None) -> str:
    least, most = ends or (median, median)
    digits = 3 if median < 1 else 2
    return f"{median:.{digits}f} ({least:.{digits}f}-{most:.{digits}f})"


def _plain(result: Result) -> dict[str, Any]:
    entry = asdict(result)
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in entry.items()}
