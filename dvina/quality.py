"""Reviews the side store: what somebody must look at, and what is merely worth knowing."""

from dataclasses import dataclass
from datetime import UTC, datetime

from dvina.settings import Settings
from ingest.contract import dataset_names, load_contract
from warehouse import side


@dataclass(frozen=True)
class Review:
    """``urgent`` names what needs a person; ``counts`` are plain numbers for machines."""

    urgent: tuple[str, ...]
    notes: tuple[str, ...]
    counts: dict[str, int]

    @property
    def text(self) -> str:
        """All findings, the urgent ones first."""
        lines = [*(f"URGENT {line}" for line in self.urgent), *self.notes]
        return "\n".join(lines) or "nothing to report"


def review(settings: Settings, now: datetime | None = None) -> Review:
    """Look at the newest load of each dataset and at the last build."""
    urgent: list[str] = []
    notes: list[str] = []
    counts = {"loads": 0, "rejected": 0, "quarantined_rows": 0, "overdue": 0}
    for dataset in dataset_names():
        entries = side.loads(settings.home, dataset)
        if not entries:
            notes.append(f"{dataset}: no load yet")
            continue
        newest = entries[-1]
        decision = newest["decisions"][-1]
        counts["loads"] += len(entries)
        counts["quarantined_rows"] += sum(entry["rows_quarantined"] for entry in entries)
        if decision["decision"] == "rejected":
            counts["rejected"] += 1
            urgent.append(
                f"{dataset}: the newest load {newest['load_id']} was rejected: {decision['reason']}"
            )
        age = _age_days(entries, now or datetime.now(UTC))
        limit = load_contract(dataset).expected_every_days
        if limit is not None and age is not None and age > limit:
            counts["overdue"] += 1
            urgent.append(f"{dataset}: last accepted {age:.0f} days ago, expected every {limit}")
        if newest["rows_quarantined"]:
            notes.append(
                f"{dataset}: {newest['rows_quarantined']} rows in quarantine; "
                f"see 'dvina quarantine show {newest['load_id']}'"
            )
    last_build = side.status(settings.home).get("last_build")
    if last_build and last_build["state"] == "failed":
        urgent.append(f"the last build was not published: {last_build['message']}")
    return Review(tuple(urgent), tuple(notes), counts)


def _age_days(entries: list[dict[str, object]], now: datetime) -> float | None:
    times = [str(entry["landed_at"]) for entry in entries if "accepted" in str(entry["decisions"])]
    if not times:
        return None
    return (now - datetime.fromisoformat(max(times))).total_seconds() / 86_400
