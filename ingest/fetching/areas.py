"""Areas of UN Comtrade: its numeric codes and ours, in both directions.

Its codes are not those of ISO 3166-1: India reports as 699, and 356 is India until 1974. Several
of its codes are one of ours; the code to ask for is then the one that reports today
(https://comtradeapi.un.org/files/v1/app/reference/Reporters.json). Others are asked for by number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

import pyarrow as pa

from ingest.fetching.errors import QueryWrong
from ingest.lookups import resolve

LOOKUP = "countries_comtrade"
HIGHEST = 1000  # its codes have up to three digits
# Entries without an expiry date among those that share an ISO code, as of 2025-12.
REPORTS_TODAY: Mapping[str, str] = {
    "ANT": "530",
    "BEL": "56",
    "CHE": "757",
    "DEU": "276",
    "ETH": "231",
    "FRA": "251",
    "IND": "699",
    "ITA": "380",
    "KNA": "659",
    "NOR": "579",
    "PAK": "586",
    "PAN": "591",
    "SDN": "729",
    "USA": "842",
    "VNM": "704",
    "YEM": "887",
}


@dataclass(frozen=True)
class Areas:
    """Numeric codes without leading zeros -> our codes."""

    codes: Mapping[str, str]

    @classmethod
    def of(cls, table: Mapping[str, str]) -> Self:
        """Areas of a lookup's table (label -> code); labels that are no numbers are left out."""
        numbered = {str(int(label)): code for label, code in table.items() if label.isdecimal()}
        return cls(dict(sorted(numbered.items(), key=lambda entry: int(entry[0]))))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Every numeric code, World (0) among them."""
        return tuple(self.codes)

    def number(self, area: str) -> str:
        """The code to ask for, from our code or from a number; raises QueryWrong."""
        if area.isdecimal():
            return str(int(area))
        found = [number for number, code in self.codes.items() if code == area.upper()]
        if len(found) > 1:
            found = [number for number in found if number == REPORTS_TODAY.get(area.upper())]
        if len(found) != 1:
            raise QueryWrong(
                f"UN Comtrade: {area!r} is no area that can be asked for. Give an ISO 3166-1 "
                "alpha-3 code such as RUS, or the publisher's number such as 643."
            )
        return found[0]

    def code(self, number: str) -> str:
        """Our code of a number; raises QueryWrong when there is none."""
        if number not in self.codes:
            raise QueryWrong(
                f"UN Comtrade: area {number} has no code of ours. Add it to {LOOKUP}.csv."
            )
        return self.codes[number]


@cache
def shipped_areas() -> Areas:
    """The areas that the lookup of the contracts knows."""
    labels = [str(number) for number in range(HIGHEST)]
    codes = resolve(LOOKUP, pa.array(labels, pa.string())).to_pylist()
    return Areas({label: code for label, code in zip(labels, codes, strict=True) if code})
