"""On what terms the rows of each mart stand: those of the datasets that it is made from.

Which datasets those are follows from dbt's manifest of the last build and from what is in force;
licence and terms come from the contracts, the only place where they are written down.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from ingest.contract import dataset_names, load_contract
from warehouse.contents import MARTS
from warehouse.publish import Words

FROM_THE_LEDGER = ("mart_data_quality", "mart_freshness")  # outside of dbt: of every dataset
_HELD = """
select distinct u.dataset from ledger.units as u join (
    select unit_id from ledger.decisions
    where unit_id is not null and decision_no <= (select horizon from ledger.pin)
    group by unit_id having arg_max(decision, decision_no) = 'accepted'
) using (unit_id) order by 1
"""


def terms_of_marts(
    connection: duckdb.DuckDBPyConnection, home: Path
) -> dict[str, list[dict[str, Any]]]:
    """Per mart the terms of each dataset in force that it is made from."""
    held = [dataset for (dataset,) in connection.execute(_HELD).fetchall()]
    path = home / "dbt" / "target" / "manifest.json"
    found = _sources(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
    found |= {mart: set(dataset_names()) for mart in FROM_THE_LEDGER}
    return {
        mart: [_terms(dataset) for dataset in held if dataset in datasets]
        for mart, datasets in sorted(found.items())
    }


def with_terms(words: Words, terms: dict[str, list[dict[str, Any]]]) -> Words:
    """The words of a version with the terms after what is said about each mart."""
    comments = dict(words.comments)
    for mart, entries in terms.items():
        told = "; ".join(
            f"{t['dataset']} ({t['publisher']}): {t['licence']}, {t['terms_url']}"
            + ("" if t["redistributable"] else ", NOT to be passed on")
            for t in entries
        )
        if told:
            about = comments.get(f"{MARTS}.{mart}", "")
            comments[f"{MARTS}.{mart}"] = f"{about} Made from {told}".strip()
    return replace(words, comments=comments)


def _sources(manifest: dict[str, Any]) -> dict[str, set[str]]:
    """Model -> names of the accepted datasets above it; what was restated is of every dataset."""
    parents: dict[str, list[str]] = manifest["parent_map"]
    found: dict[str, set[str]] = {}
    for key, node in manifest["nodes"].items():
        if node["resource_type"] != "model" or node["schema"] != "marts":
            continue
        met, queue = {key}, [key]
        while queue:
            for parent in parents.get(queue.pop(), ()):
                if parent not in met:
                    met.add(parent)
                    queue.append(parent)
        names = {manifest["sources"][k]["name"] for k in met if k in manifest["sources"]}
        found[node["name"]] = set(dataset_names()) if "revisions" in names else names
    return found


def _terms(dataset: str) -> dict[str, Any]:
    publisher = load_contract(dataset).publisher
    return {
        "dataset": dataset,
        "publisher": publisher.name,
        "licence": publisher.licence,
        "terms_url": publisher.terms_url,
        "redistributable": publisher.redistributable,
    }
