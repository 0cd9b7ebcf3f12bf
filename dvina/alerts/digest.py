"""The daily digest: open incidents, what came in, what was only noted, how old each dataset is."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dvina.alerts import delivery, messages, store
from dvina.alerts.findings import age_days, results_of
from dvina.alerts.sweep import put
from dvina.settings import Settings
from expectations.kinds import on_datasets
from ingest.contract import Contract, dataset_names, load_contract
from warehouse import profiles, side

_DAY = timedelta(days=1)


def send_digest(settings: Settings, now: datetime | None = None) -> str:
    """Write the digest of the last day for every route that wants one; returns its text."""
    now = now or datetime.now(UTC)
    said, title = digest(settings.home, now), f"Dvina, {now:%Y-%m-%d}: {_headline(settings.home)}"
    text = messages.as_text(said)
    for route in settings.routes:
        if route.digest:
            html = messages.as_html(title, said)
            put(settings, route.name, title, text, html, now, "resolved")
    delivery.flush(settings.home, now)
    return f"{title}\n{text}"


def digest(home: Path, now: datetime) -> list[messages.Part]:
    """The digest in named parts, empty ones left out."""
    opened = [i for i in store.incidents(home) if i.is_open]
    since = (now - _DAY).isoformat()
    recent = [load for load in side.loads(home) if load["landed_at"] >= since]
    found: list[messages.Part] = [
        ("Open", [f"{i.severity}: {i.title} ({i.times} times)" for i in opened]),
        ("Loads", [_load_line(load) for load in recent]),
        ("Noted", [line for load in recent for line in _noted(home, load)]),
        ("Old", [line for name in dataset_names() for line in _old(home, name, now)]),
        ("Undelivered", [str(m["title"]) for m in store.messages(home) if m.get("attempts")]),
    ]
    return [(name, lines) for name, lines in found if lines]


def newest_period(home: Path, dataset: str) -> str | None:
    """The newest period that accepted loads hold; None where periods are not known."""
    newest: list[str] = []
    for path in profiles.accepted(home, dataset):
        newest += [v for v in pq.read_table(path, columns=["newest"])["newest"].to_pylist() if v]
    return max(newest, default=None)


def too_old(contract: Contract, newest: str | None, now: datetime) -> list[str]:
    """Rules of the contract on its newest period that do not hold."""
    if newest is None:
        return []
    age = (now.date() - _last_day(newest)).days
    return [
        f"{contract.dataset}: newest period {newest} ended {age} days ago, expected within "
        f"{rule.arguments['days']} (rule {rule.name})"
        for rule in contract.rules
        if on_datasets(rule) and age > int(rule.arguments["days"])
    ]


def _old(home: Path, dataset: str, now: datetime) -> Iterator[str]:
    contract = load_contract(dataset)
    age = age_days(side.loads(home, dataset), now)
    if age is not None and contract.expected_every_days and age > contract.expected_every_days:
        yield f"{dataset}: last came in {age:.0f} days ago"
    yield from too_old(contract, newest_period(home, dataset), now)


def _noted(home: Path, load: dict[str, Any]) -> Iterator[str]:
    for result in results_of(home, load["dataset"], load["load_id"]):
        if result["outcome"] == "failed" and result["severity"] == "inform":
            yield f"{load['dataset']} {load['load_id']}: {result['rule']}: {result['observed']}"


def _load_line(load: dict[str, Any]) -> str:
    decision = load["decisions"][-1]["decision"]
    refused = f", {load['rows_quarantined']} quarantined" if load["rows_quarantined"] else ""
    return f"{load['dataset']} {load['origin']}: {decision}, {load['rows_landed']} rows{refused}"


def _headline(home: Path) -> str:
    opened = [i for i in store.incidents(home) if i.is_open]
    return f"{len(opened)} open incidents" if opened else "nothing is open"


def _last_day(period: str) -> date:
    """The last day of YYYY, YYYY-Qn, YYYY-MM or a day itself."""
    year, _, rest = period.partition("-")
    if len(period) > 7:
        return date.fromisoformat(period[:10])
    month = 3 * int(rest[1:]) if rest.startswith("Q") else int(rest or 12)
    return date(int(year) + month // 12, month % 12 + 1, 1) - _DAY
