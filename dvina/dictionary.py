"""The data dictionary: every published column with its meaning, unit, source, grain, known defects.

It is made of what is described elsewhere and holds no copy: dbt's manifest of the last build
(models, lineage), the contracts (datasets, their known defects) and ``dictionary.yml`` (tables that
are not made by dbt, and the units that names end in).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ingest.contract import Contract
from ingest.contract_column import Column

_OWN = Path(__file__).with_name("dictionary.yml")
_KINDS = {"mart": "mart", "fct": "mart", "view": "view", "dim": "dimension"}
_LONGEST = 900  # of a comment in a database; the page has all

Columns = Mapping[str, Mapping[str, str]]  # schema.table -> column -> type, as they are built


@dataclass(frozen=True)
class Field:
    """One column."""

    name: str
    type: str
    meaning: str
    unit: str
    source: str


@dataclass(frozen=True)
class Entry:
    """One table, view or dataset; ``name`` is schema.table of what is published."""

    name: str
    kind: str  # mart, view, dimension, about the data, dataset
    grain: str
    about: str
    fields: tuple[Field, ...]
    datasets: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


def read_manifest(home: Path) -> Mapping[str, Any]:
    """dbt's manifest of the last build; empty before the first."""
    path = home / "dbt" / "target" / "manifest.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def entries(
    manifest: Mapping[str, Any], contracts: Iterable[Contract], columns: Columns
) -> tuple[Entry, ...]:
    """All published tables and views that are built, with their columns; then all datasets."""
    known = {contract.dataset: contract for contract in contracts}
    models = [
        _model(manifest, node, known, columns[f"marts.{node['name']}"])
        for node in manifest.get("nodes", {}).values()
        if node["resource_type"] == "model" and f"marts.{node['name']}" in columns
    ]
    order = list(dict.fromkeys(_KINDS.values()))
    models.sort(key=lambda entry: (order.index(entry.kind), entry.name))
    own = (
        _own(name, told, columns.get(name, dict.fromkeys(told["columns"], "")))
        for name, told in _told()["tables"].items()
    )
    return (*models, *own, *(_dataset(contract) for contract in known.values()))


def comments(found: Iterable[Entry]) -> dict[str, str]:
    """Comments of the published tables and columns, by schema.table[.column]."""
    told = {}
    for entry in found:
        if entry.kind == "dataset":
            continue
        parts = [entry.about, f"Grain: {entry.grain}." if "Grain:" not in entry.about else ""]
        parts.append(f"Made from: {', '.join(entry.datasets)}." if entry.datasets else "")
        parts.append(
            f"Known defects: {len(entry.defects)}, in the dictionary." * bool(entry.defects)
        )
        told[entry.name] = _short(" ".join(filter(None, parts)))
        for field in entry.fields:
            told[f"{entry.name}.{field.name}"] = _short(f"{field.meaning}. Unit: {field.unit}")
    return told


def unit_of(name: str, kind: str, stated: str | None = None) -> str:
    """The unit of a column: as stated, else what its name ends or begins with, else its type."""
    if stated:
        return stated
    for pattern, unit in _told()["units"].items():
        if re.search(pattern, name):
            return str(unit)
    return "text" if kind.lower() in ("", "varchar", "text") else kind.lower()


def _model(
    manifest: Mapping[str, Any],
    node: Any,
    known: Mapping[str, Contract],
    columns: Mapping[str, str],
) -> Entry:
    datasets = tuple(name for name in _datasets(manifest, node["unique_id"]) if name in known)
    about = " ".join(node["description"].split())
    grain = re.match(r"Grain: ([^.]*)\.", about)
    inherited = _inherited(manifest, node["unique_id"])
    fields = []
    for name, kind in columns.items():
        column = {**inherited.get(name, {}), **_stated(node["columns"].get(name, {}))}
        meta = column.get("meta") or {}
        source = meta.get("source") or _source(name, datasets, known)
        unit = unit_of(name, kind, meta.get("unit"))
        meaning = _ended(column.get("description", ""))
        fields.append(Field(name, kind.lower(), meaning, unit, source))
    kind = _KINDS.get(node["name"].partition("_")[0], "mart")
    defects = tuple(f"{d}: {warning}" for d in datasets for warning in known[d].warnings)
    grain_told = grain[1] if grain else "as described"
    return Entry(f"marts.{node['name']}", kind, grain_told, about, tuple(fields), datasets, defects)


def _stated(column: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in column.items() if value}


def _inherited(manifest: Mapping[str, Any], unique_id: str) -> dict[str, Any]:
    """Columns of the models that this one reads, which it hands on under the same name."""
    found: dict[str, Any] = {}
    for parent in manifest["nodes"][unique_id]["depends_on"]["nodes"]:
        for name, column in manifest["nodes"].get(parent, {}).get("columns", {}).items():
            found.setdefault(name, _stated(column))
    return found


def _datasets(manifest: Mapping[str, Any], unique_id: str) -> tuple[str, ...]:
    """Datasets upstream of a node."""
    met, queue = {unique_id}, [unique_id]
    while queue:
        for parent in manifest["parent_map"].get(queue.pop(), ()):
            if parent not in met:
                met.add(parent)
                queue.append(parent)
    sources = manifest["sources"]
    return tuple(sorted(sources[key]["name"] for key in met if key.startswith("source.")))


def _source(name: str, datasets: tuple[str, ...], known: Mapping[str, Contract]) -> str:
    """Datasets that have a column of that name, where some but not all have, else all of them."""
    have = [d for d in datasets if any(c.name == name for c in known[d].columns)]
    return ", ".join(have or datasets) or "seeds of the project"


def _own(name: str, told: Mapping[str, Any], columns: Mapping[str, str]) -> Entry:
    fields = tuple(
        Field(c, kind.lower(), _ended(told["columns"].get(c, "")), unit_of(c, kind), told["source"])
        for c, kind in columns.items()
    )
    return Entry(name, "about the data", told["grain"], told["about"], fields)


def _dataset(contract: Contract) -> Entry:
    fields = tuple(_field(column) for column in contract.columns)
    about = f"{contract.title}. {' '.join(contract.description.split())}"
    publisher = f"Publisher: {contract.publisher.name} ({contract.publisher.licence})."
    told = f"{about} {publisher}"
    return Entry(contract.dataset, "dataset", contract.grain, told, fields, (), contract.warnings)


def _field(column: Column) -> Field:
    came = column.source or (f"constant {column.constant}" if column.constant else "derived")
    kind = (
        f"decimal({column.precision},{column.scale})" if column.type == "decimal" else column.type
    )
    meaning = _ended(" ".join(column.description.split()))
    return Field(column.name, kind, meaning, unit_of(column.name, kind, column.unit), came)


def _ended(text: str) -> str:
    return text.strip().rstrip(".")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rsplit(" ", 1)[0] + " …"


@cache
def _told() -> Mapping[str, Any]:
    told: Mapping[str, Any] = yaml.safe_load(_OWN.read_text("utf-8"))
    return told
