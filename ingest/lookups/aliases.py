"""Writes the seed ``country_aliases``: every label of a country that the lookups know.

The models match countries by the same labels as the contracts, so the seed is made from the
lookup ``countries`` and never by hand: ``python -m ingest.lookups.aliases > SEED``. A test fails
when the seed is not what this writes.
"""

import csv
import sys
from typing import TextIO

from ingest.lookups import entries


def aliases() -> list[tuple[str, str, str]]:
    """Text as published, ISO 3166-1 alpha-3 or our code, and where it was met; by text."""
    found = {text.lower(): (text, code, source) for text, code, source in entries("countries")}
    return sorted(found.values(), key=lambda entry: (entry[1], entry[0]))


def write(to: TextIO) -> None:
    """Write the seed."""
    lines = csv.writer(to, lineterminator="\n")
    lines.writerow(("alias_text", "country_code", "source"))
    lines.writerows(aliases())


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    write(sys.stdout)
