"""Finds what is wrong now: in the side store, in verdicts, in what failed of Airflow's tasks."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dvina.alerts import store
from dvina.alerts.pages import place
from expectations.incidents import Finding
from ingest.contract import SEVERITIES, Contract, dataset_names, load_contract
from warehouse import side

NOTED = ("stop", "warn")  # severities that somebody is told of; the rest is for the digest
# What tells most of a cause comes first where several rules of a load do not pass.
_TELLING = (
    "source_readable", "counts_close", "columns_as_in_contract", "quarantined_share",
    "row_floor", "content_of_its_own", "no_older_version", "_in_unit", "key_unique",
)  # fmt: skip
_SECTOR = re.compile(r"sector_id=(\w+)")


def of_load(home: Path, entry: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What is wrong with a decided load: one finding, its cause what tells most."""
    dataset, load_id, decision = entry["dataset"], entry["load_id"], entry["decisions"][-1]
    results = [r for r in results_of(home, dataset, load_id) if _counts(r)]
    if decision["decision"] in ("withdrawn", "superseded"):
        return ()
    if decision["decision"] == "accepted" and decision["by"] not in ("gate", "reader"):
        return ()  # somebody looked at it and decided
    if decision["decision"] == "accepted" and not results:
        return ()
    top = min(results, key=_rank, default=None)
    rejected = decision["decision"] == "rejected"
    cause = str(top["rule"]) if top else f"rejected by {decision['by']}"
    text = str(top["message"]) if top else str(decision["reason"])
    name = f"{dataset}: load {'rejected' if rejected else 'accepted with doubt'}"
    return (
        Finding(
            subject=f"load:{dataset}",
            cause=cause,
            severity="stop" if rejected else str(top["severity"]) if top else "warn",
            title=f"{name} ({cause})",
            text=f"{entry['origin']}: {text}",
            next_step=_next(rejected, load_id, cause),
            datasets=(dataset,),
            evidence=load_id,
            symptoms=tuple(
                f"{r['severity']} {r['rule']}: {r['observed']}" for r in results if r is not top
            ),
            page=_page(home, dataset, load_id),
        ),
    )


def good_loads(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Subjects whose newest load was accepted, and what shows it."""
    newest = {entry["dataset"]: entry for entry in entries}
    return {
        f"load:{dataset}": f"load {entry['load_id']} was accepted without it"
        for dataset, entry in newest.items()
        if entry["decisions"][-1]["decision"] in ("accepted", "withdrawn", "superseded")
    }


def overdue(home: Path, now: datetime) -> tuple[tuple[Finding, ...], dict[str, str]]:
    """Publishers whose datasets are late, one finding for each, and those that are not."""
    late: dict[str, list[tuple[Contract, float]]] = {}
    good: dict[str, str] = {}
    for contract in map(load_contract, dataset_names()):
        age = age_days(side.loads(home, contract.dataset), now)
        if contract.expected_every_days is None or age is None:
            continue
        subject = f"late:{contract.publisher.name}"
        if age > contract.expected_every_days:
            late.setdefault(subject, []).append((contract, age))
        else:
            good.setdefault(subject, f"{contract.dataset} came in {age:.0f} days ago")
    findings = tuple(_late(subject, contracts) for subject, contracts in late.items())
    return findings, {subject: why for subject, why in good.items() if subject not in late}


def of_build(home: Path) -> tuple[tuple[Finding, ...], dict[str, str]]:
    """What is wrong with the last build, and with marts that were published with doubt."""
    last = side.status(home).get("last_build") or {}
    if last.get("state") == "failed":
        return (_build_failed(str(last["message"])),), {}
    good = {"build": f"{last.get('message', '')} was published"} if last else {}
    doubts = [r for r in last.get("doubts", ()) if _counts(r)]
    marts = {str(r["rule"]).split(".")[0] for r in doubts}
    findings = tuple(_mart(mart, doubts) for mart in sorted(marts))
    wrong = {finding.subject for finding in findings}
    for mart in last.get("marts", ()):
        if f"mart:{mart}" not in wrong:
            good[f"mart:{mart}"] = f"{last['message']} was published without it"
    return findings, good


def of_tasks(home: Path) -> tuple[Finding, ...]:
    """Tasks of Airflow whose last run failed for good; one finding for a dataset's tasks."""
    found: dict[str, Finding] = {}
    for entry in store.failed_tasks(home):
        name = entry["task"].split(".")[0]  # the tasks of a dataset are a group of its name
        subject = f"task:{entry['dag']}.{name}"
        found[subject] = Finding(
            subject=subject,
            cause="task",
            severity="stop",
            title=f"Airflow: {entry['dag']}.{name} failed",
            text=str(entry.get("error", "")),
            next_step=f"airflow tasks clear {entry['dag']} --task-regex '^{name}'",
            datasets=tuple(dataset for dataset in dataset_names() if dataset == name),
            evidence=str(entry.get("run_id", "")),
        )
    return tuple(found.values())


def upstream(subject: str) -> Iterator[str]:
    """What a subject depends on: a failed task on a load, a late source on both."""
    kind, _, name = subject.partition(":")
    if kind == "task" and name.split(".")[-1] in dataset_names():
        yield f"load:{name.split('.')[-1]}"
    elif subject == "task:build_and_publish.build_and_publish":
        yield "build"
    elif kind == "late":
        for contract in map(load_contract, dataset_names()):
            if contract.publisher.name == name:
                yield f"load:{contract.dataset}"
                yield f"task:ingest_{contract.dataset.split('_')[0]}.{contract.dataset}"


def results_of(home: Path, dataset: str, load_id: str) -> list[dict[str, Any]]:
    """The gate's results on a load; none where its landing was emptied."""
    try:
        path = home / "landing" / dataset / load_id / "verdict.json"
        found: list[dict[str, Any]] = json.loads(path.read_text("utf-8")).get("results", [])
    except FileNotFoundError:
        return []
    return found


def age_days(entries: list[dict[str, Any]], now: datetime | None = None) -> float | None:
    """Days since a load was last accepted; None when none ever was."""
    times = [
        str(entry["landed_at"])
        for entry in entries
        if any(decision["decision"] == "accepted" for decision in entry["decisions"])
    ]
    if not times:
        return None
    age = (now or datetime.now(UTC)) - datetime.fromisoformat(max(times))
    return age.total_seconds() / 86_400


def _counts(result: Mapping[str, Any]) -> bool:
    return result["outcome"] == "errored" or (
        result["outcome"] == "failed" and result["severity"] in NOTED
    )


def _rank(result: Mapping[str, Any]) -> tuple[bool, int, int]:
    telling = [n for n, rule in enumerate(_TELLING) if str(result["rule"]).endswith(rule)]
    return (
        result["outcome"] == "errored",
        SEVERITIES.index(result["severity"]),
        min(telling, default=len(_TELLING)),
    )


def _next(rejected: bool, load_id: str, cause: str) -> str:
    if cause == "quarantined_share":
        return f"dvina quarantine show {load_id}"
    if rejected:
        return f"dvina accept {load_id} --reason ...   (if the figures are right after all)"
    return f"dvina withdraw {load_id} --reason ...   (if the figures are wrong)"


def _late(subject: str, late: list[tuple[Contract, float]]) -> Finding:
    told = [
        f"{c.dataset} last came in {age:.0f} days ago, expected every {c.expected_every_days}"
        for c, age in late
    ]
    names = tuple(contract.dataset for contract, _ in late)
    return Finding(
        subject=subject,
        cause="late",
        severity="warn",
        title=f"{subject.removeprefix('late:')} is late: {', '.join(names)}",
        text="; ".join(told) + ".",
        next_step=f"dvina ingest {names[0]}",
        datasets=names,
    )


def _build_failed(message: str) -> Finding:
    return Finding(
        subject="build",
        cause="build",
        severity="stop",
        title="The marts were not published",
        text=f"{message} Readers keep the former version.",
        next_step="dvina build",
        sectors=tuple(sorted(set(_SECTOR.findall(message)))),
        evidence=message[:80],
    )


def _mart(mart: str, doubts: list[dict[str, Any]]) -> Finding:
    mine = [r for r in doubts if str(r["rule"]).startswith(f"{mart}.")]
    return Finding(
        subject=f"mart:{mart}",
        cause=str(mine[0]["rule"]).split(".")[1],
        severity=str(mine[0]["severity"]),
        title=f"{mart}: published with doubt ({str(mine[0]['rule']).split('.')[1]})",
        text=str(mine[0]["message"]),
        next_step="dvina publish --rollback   (if the former version is better)",
        sectors=tuple(sorted({s for r in mine for s in _SECTOR.findall(str(r["message"]))})),
        symptoms=tuple(str(r["rule"]) for r in mine[1:]),
    )


def _page(home: Path, dataset: str, load_id: str) -> str:
    path = place(home, dataset, load_id)
    return str(path) if path.is_file() else ""
