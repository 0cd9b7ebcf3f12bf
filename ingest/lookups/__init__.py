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
    "countries_oksm": ("numeric",),
    "loan_parties_ids": ("alpha_3", "name", "official_name", "common_name"),
    "loan_parties_register": ("alpha_3", "name", "official_name", "common_name"),
    "loan_parties_statement": ("alpha_2",),
}
# Names by official tables, beside the labels that publishers write.
_BESIDE = {
    "countries": ("country_names",),
    "loan_parties_register": ("country_names", "countries", "loan_parties_ids"),
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
    return {label.lower(): code for label, code, _ in entries(lookup)}


def entries(lookup: str) -> list[tuple[str, str, str]]:
    """Label, code and source of all that a lookup knows; of one label the last entry counts."""
    path = LOOKUPS_DIR / f"{lookup}.csv"
    if not path.is_file():
        raise ContractError(f"No lookup {lookup}: add {path.name} beside the other lookups.")
    found = _iso_countries(_ISO[lookup]) if lookup in _ISO else []
    for name in (*_BESIDE.get(lookup, ()), lookup):
        with (LOOKUPS_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            found += [(e["label"], e["code"], e["source"]) for e in csv.DictReader(lines)]
    return found


def _iso_countries(attributes: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Alpha-3 codes of ISO 3166-1 by other attributes of a country."""
    found: list[tuple[str, str, str]] = []
    for country in pycountry.countries:
        for name in attributes:
            label = getattr(country, name, None)
            if label:  # numbers are mostly published without their leading zeros
                labels = dict.fromkeys((label, label.lstrip("0")))
                found += [(text, country.alpha_3, "ISO 3166-1") for text in labels]
    return found
