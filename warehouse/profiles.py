"""Per-load profiles of the side store: what the gate measured of each slice, for later loads.

``ops/profiles/<dataset>/<load_id>.parquet``; rules against history read those of accepted loads.
"""

import json
from pathlib import Path

LOOK_BACK = 100  # loads; what came before tells little of what comes next


def place(home: Path, dataset: str, load_id: str) -> Path:
    """Where the profile of a load is written."""
    return home / "ops" / "profiles" / dataset / f"{load_id}.parquet"


def accepted(home: Path, dataset: str) -> tuple[Path, ...]:
    """Profiles of the newest loads that were accepted and not withdrawn since, oldest first."""
    found = []
    for path in sorted((home / "ops" / "profiles" / dataset).glob("[!.]*.parquet"))[-LOOK_BACK:]:
        if _stands(home / "ops" / "loads" / dataset / f"{path.stem}.json"):
            found.append(path)
    return tuple(found)


def _stands(load: Path) -> bool:
    try:
        decisions = json.loads(load.read_text("utf-8"))["decisions"]
    except FileNotFoundError:
        return False
    made = [decision["decision"] for decision in decisions]
    return "accepted" in made and made[-1] != "withdrawn"
