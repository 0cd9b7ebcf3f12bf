"""A small dataset for tests of the engine, and the steps of the way without the gate."""

from pathlib import Path
from typing import Any

import yaml

from ingest import archive, landing, segments
from ingest.contract import Contract, _load, load_contract
from ingest.landing import Landed, Workplace
from ingest.sources import open_source
from warehouse.seal import seal

TOY: dict[str, Any] = {
    "dataset": "toy_flows",
    "version": 1,
    "title": "Toy flows",
    "description": "Made up for tests.",
    "grain": "reporter, period, commodity",
    "owner": "tests",
    "publisher": {
        "name": "Nobody",
        "url": "about:blank",
        "licence": "none",
        "terms_url": "about:blank",
        "redistributable": False,
    },
    "revision": {"kind": "slice", "by": ["reporter_code", "period"]},
    "key": ["reporter_code", "period", "commodity_code"],
    "repeats": "forbidden",
    "limits": {"max_quarantined_share": 0.5},
    "masked": ["contact"],
    "keep_archive_days": 1,
    "columns": [
        {"name": "reporter_code", "source": "reporter", "type": "text", "lookup": "countries",
         "description": "Reporter."},
        {"name": "period", "source": "period", "type": "period", "description": "Month."},
        {"name": "commodity_code", "source": "code", "type": "text", "pattern": "[0-9]{4}",
         "description": "Heading."},
        {"name": "value_usd", "source": "value", "type": "decimal", "precision": 18, "scale": 2,
         "minimum": 0, "description": "Value.", "unit": "USD"},
        {"name": "seen_date", "source": "seen", "type": "date", "required": False,
         "layouts": ["%Y-%m-%d", "%d.%m.%Y"], "nulls": ["", "-"], "description": "Day."},
    ],
}  # fmt: skip
HEADER = "reporter,period,code,value,seen,contact\n"


def toy(directory: Path, **changes: Any) -> Contract:
    """The toy contract with changes, read from YAML as any contract is."""
    directory.mkdir(parents=True, exist_ok=True)
    document = {**TOY, **changes}
    path = directory / f"{document['dataset']}.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    _load.cache_clear()
    return load_contract(document["dataset"], directory)


def rows(*entries: str) -> str:
    """A toy file: the header and one line per entry; contact is added."""
    return HEADER + "".join(f"{entry},someone@example.org\n" for entry in entries)


def land(
    contract: Contract, path: Path, home: Path, scope: dict[str, list[str]] | None = None
) -> Landed:
    """Fetch, land and seal one file; the gate is left out."""
    fetched = archive.fetch(contract, str(path), home / "archive")
    place = Workplace(home / "landing", contract.dataset)
    source = open_source(contract, fetched.path, fetched.origin)
    manifest = segments.write_segments(contract, source, fetched, place, scope)
    return place.publish(seal(contract, place.folder, manifest))


def judged(landed: Landed, outcome: str = "passed") -> Landed:
    """Lay a verdict beside a landed load."""
    verdict = {"outcome": outcome, "reason": f"a test says {outcome}", "results": []}
    landing.write_verdict(landed, verdict)
    return landed
