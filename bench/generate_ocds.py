"""Makes OCDS releases, SYNTHETIC: JSON Lines of 5 kB a release, same arguments, same bytes.

Two to four parties, one or two awards and contracts, each with items and payments: eight lists
and what stands in them, contact points and streets among it, which are not to be read.
"""

import json
import random
from pathlib import Path
from typing import Any

_LETTERS = "abcdefghijklmnopqrstuvwxyz     "
_WORDS = 5000


def releases(count: int, folder: Path) -> Path:
    """The file of so many releases, each of a process of its own."""
    path = folder / f"releases-{count}.jsonl"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        make = _Maker(random.Random(42))
        with aside.open("w", encoding="utf-8", buffering=1024**2) as file:
            for number in range(count):
                line = json.dumps(
                    make.release(number, count), ensure_ascii=False, separators=(",", ":")
                )
                file.write(line + "\n")
        aside.replace(path)
    return path


class _Maker:
    """Makes releases from one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._words = [
            "".join(chance.choices(_LETTERS, k=chance.randrange(20, 60))) for _ in range(_WORDS)
        ]

    def release(self, number: int, count: int) -> dict[str, Any]:
        ocid = f"ocds-b5fd17-{number:08d}"
        year, month, day = 16 + number * 8 // count, 1 + number % 12, 1 + number % 28
        date = f"20{year:02d}-{month:02d}-{day:02d}T10:00:00Z"
        parties = [self._party(place) for place in range(self._below(2, 5))]
        buyer, last = ({k: party[k] for k in ("id", "name")} for party in (parties[0], parties[-1]))
        awards = range(self._below(1, 3))
        return {
            "ocid": ocid, "id": f"{ocid}-{date}", "date": date, "tag": ["compiled"],
            "initiationType": "tender", "language": "ru", "parties": parties, "buyer": buyer,
            "tender": {
                "id": f"{ocid}-t", "title": self._text(),
                "description": self._text() + self._text(), "status": "complete",
                "procurementMethod": "open", "value": self._value(1e7),
                "tenderPeriod": {"startDate": date, "endDate": date}, "items": self._items(4),
                "numberOfTenderers": len(parties),
            },
            "awards": [self._award(f"{ocid}-a{place}", date, last) for place in awards],
            "contracts": [self._contract(ocid, place, date) for place in awards],
        }  # fmt: skip

    def _party(self, place: int) -> dict[str, Any]:
        return {
            "id": f"RU-INN-{self._below(0, 10**9):010d}", "name": self._text(),
            "identifier": {
                "scheme": "RU-INN", "id": str(self._below(0, 10**10)), "legalName": self._text(),
            },
            "address": {
                "streetAddress": self._text(), "locality": "Москва",
                "region": "Московская область", "postalCode": "101000", "countryName": "Россия",
            },
            "contactPoint": {
                "name": "nobody", "email": "a@b.example", "telephone": "+7 495 000-00-00",
            },
            "roles": ["supplier" if place else "buyer"],
        }  # fmt: skip

    def _award(self, name: str, date: str, supplier: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": name, "title": self._text(), "status": "active", "date": date,
            "value": self._value(1e7), "suppliers": [supplier], "items": self._items(4),
        }  # fmt: skip

    def _contract(self, ocid: str, place: int, date: str) -> dict[str, Any]:
        payments = [
            {"id": str(n), "date": date, "value": self._value(1e6)}
            for n in range(self._below(0, 3))
        ]
        return {
            "id": f"{ocid}-c{place}", "awardID": f"{ocid}-a{place}", "title": self._text(),
            "status": "active", "period": {"startDate": date, "endDate": date},
            "value": self._value(1e7), "dateSigned": date, "items": self._items(3),
            "implementation": {"transactions": payments},
        }  # fmt: skip

    def _items(self, below: int) -> list[dict[str, Any]]:
        return [self._item(place) for place in range(self._below(1, below))]

    def _item(self, place: int) -> dict[str, Any]:
        code = f"{self._below(0, 10**8):08d}"
        return {
            "id": str(place), "description": self._text(),
            "classification": {"scheme": "CPV", "id": code, "description": self._text()},
            "quantity": self._below(1, 1000), "unit": {"name": "шт", "value": self._value(1e4)},
        }  # fmt: skip

    def _value(self, below: float) -> dict[str, Any]:
        return {"amount": round(self._chance.random() * below, 2), "currency": "RUB"}

    def _text(self) -> str:
        return self._words[self._below(0, _WORDS)]

    def _below(self, least: int, stop: int) -> int:
        return self._chance.randrange(least, stop)
