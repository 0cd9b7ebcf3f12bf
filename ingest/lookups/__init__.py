"""Lookups that contracts share: a publisher's label on the left, our code on the right.

``resolve`` answers for whole columns; a label that is in no table stays unresolved and stops at
quarantine, it is never guessed.
"""

import csv
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pycountry

from ingest.errors import ContractError

LOOKUPS_DIR = Path(__file__).parent
# Which names of ISO 3166-1 a lookup knows besides the labels in its file.
_ISO = {
    "countries": ("alpha_3", "name", "official_name", "common_name"),
    "countries_alpha2": ("alpha_2",),
    "countries_comtrade": ("numeric",),
}


def resolve(lookup: str, labels: pa.StringArray) -> pa.StringArray:
    """Codes for labels, same length; null where the label is null or unknown."""
    keys, codes = _arrays(lookup)
    positions = pc.index_in(pc.utf8_lower(labels), value_set=keys)
    return codes.take(positions)


@cache
def digest(lookup: str) -> str:
    """Names what the lookup would answer: another text when any answer changed."""
    pairs = zip(*(array.to_pylist() for array in _arrays(lookup)), strict=True)
    return hashlib.sha256(repr(sorted(pairs)).encode()).hexdigest()[:16]


@cache
def _arrays(lookup: str) -> tuple[pa.StringArray, pa.StringArray]:
    table = _table(lookup)
    return pa.array(list(table), pa.string()), pa.array(list(table.values()), pa.string())


def _table(lookup: str) -> Mapping[str, str]:
    path = LOOKUPS_DIR / f"{lookup}.csv"
    if not path.is_file():
        raise ContractError(f"No lookup {lookup}: add {path.name} beside the other lookups.")
    table = _iso_countries(_ISO[lookup]) if lookup in _ISO else {}
    with path.open(encoding="utf-8", newline="") as lines:
        for entry in csv.DictReader(lines):
            table[entry["label"].lower()] = entry["code"]
    return table


def _iso_countries(attributes: tuple[str, ...]) -> dict[str, str]:
    """Alpha-3 codes of ISO 3166-1 by other attributes of a country, in lower case."""
    table: dict[str, str] = {}
    for country in pycountry.countries:
        for name in attributes:
            label = getattr(country, name, None)
            if label:  # numbers are mostly published without their leading zeros
                table[label.lower()] = country.alpha_3
                table[label.lower().lstrip("0")] = country.alpha_3
    return table
