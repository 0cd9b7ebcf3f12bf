"""How far the ledger and the builds are, from the side store; light, for what only looks."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Decided:
    """``newest`` decision of the ledger; up to which the last build ``tried``, and its outcome."""

    newest: int
    tried: int
    outcome: str


def decided(home: Path) -> Decided:
    """What ``ops/status.json`` says; zeros before the first decision."""
    try:
        told = json.loads((home / "ops" / "status.json").read_text("utf-8"))
    except FileNotFoundError:
        return Decided(0, 0, "")
    tried = told.get("last_try") or {"horizon": 0, "state": "", "message": ""}
    outcome = f"{tried['state']}, {tried['message']}"
    return Decided(int(told.get("last_decision", 0)), int(tried["horizon"]), outcome)
