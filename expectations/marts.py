"""The rules of the marts, as ``marts.yml`` has them: for each mart a list of rules."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from expectations.errors import RulesMalformed
from ingest.contract import SEVERITIES, Rule

MARTS_FILE = Path(__file__).parent / "marts.yml"


@dataclass(frozen=True)
class MartRules:
    """The rules of every mart; ``identity`` names their text."""

    rules: Mapping[str, tuple[Rule, ...]]
    identity: str


def load_mart_rules(path: Path = MARTS_FILE) -> MartRules:
    """Read the rules; raises RulesMalformed with what to mend."""
    try:
        text = path.read_text(encoding="utf-8")
        rules = {
            str(mart): tuple(_rule(mart, entry) for entry in entries)
            for mart, entries in yaml.safe_load(text).items()
        }
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise RulesMalformed(f"{path.name} cannot be read: {error}. Mend it.") from error
    return MartRules(rules, f"marts:{hashlib.sha256(text.encode()).hexdigest()[:12]}")


def grain(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """The columns that the mart's first rule of uniqueness says are its key."""
    lists = (r.arguments["column_list"] for r in rules if "column_list" in r.arguments)
    return tuple(next(lists, ()))


def _rule(mart: str, entry: dict[str, Any]) -> Rule:
    rule = Rule(**{**entry, "name": f"{mart}.{entry.get('name')}"})
    if rule.severity not in SEVERITIES:
        raise ValueError(f"rule {rule.name} has severity {rule.severity}")
    return rule
