"""One dimension of countries: lookups, seeds, ISO 3166-1 and the official tables agree."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pycountry
import pytest

from ingest.lookups import aliases, entries, resolve
from tests.conftest import PROJECT, SAMPLES_FOLDER, needs_samples

SEEDS = PROJECT / "dbt_project" / "seeds"
CODES = {"ABH": "XAB", "OST": "XOS", "-": "ANT"}  # of the OKSM, where ISO 3166-1 has another


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def countries() -> dict[str, dict[str, str]]:
    return {row["country_code"]: row for row in table(SEEDS / "countries.csv")}


def one(lookup: str, label: str) -> str | None:
    code: str | None = resolve(lookup, pa.array([label], pa.string()))[0].as_py()
    return code


def test_the_dimension_holds_every_country_of_iso_3166_with_its_codes() -> None:
    seed = countries()
    assert len(pycountry.countries) == 249
    for country in pycountry.countries:
        row = seed[country.alpha_3]
        assert (row["alpha2"], row["m49"], row["oksm"], row["kind"]) == (
            country.alpha_2, country.numeric, country.numeric, "country",
        ), country.alpha_3  # fmt: skip
        assert country.numeric.lstrip("0") in row["comtrade_codes"].split("|")
    assert seed["NAM"]["alpha2"] == "NA"


@pytest.mark.parametrize(
    "lookup",
    ["countries", "countries_alpha2", "countries_baci", "countries_comtrade", "countries_oksm"],
)
def test_every_code_that_a_lookup_gives_is_in_the_dimension(lookup: str) -> None:
    given = {code for _, code, _ in entries(lookup)}
    assert len(given) > 200
    assert given <= countries().keys()
    assert all(source for _, _, source in entries(lookup))


def test_numbers_of_un_comtrade_and_of_the_oksm_are_those_of_the_lookups() -> None:
    told = {n: row["country_code"] for row in countries().values() for n in _numbers(row)}
    assert len(told) > 290
    assert told == {str(int(label)): code for label, code, _ in entries("countries_comtrade")}
    assert (told["699"], told["356"], told["490"]) == ("IND", "IND", "S19")
    oksm = {row["oksm"]: code for code, row in countries().items() if row["oksm"]}
    assert {n: one("countries_oksm", n) for n in oksm} == oksm


def _numbers(row: dict[str, str]) -> list[str]:
    return [number for number in row["comtrade_codes"].split("|") if number]


def test_the_seed_of_aliases_is_what_the_lookups_know() -> None:
    made = io.StringIO()
    aliases.write(made)
    assert made.getvalue() == (SEEDS / "country_aliases.csv").read_text(encoding="utf-8")
    assert len(aliases.aliases()) > 1_000


def test_no_label_belongs_to_two_countries_whatever_its_case_accents_and_punctuation() -> None:
    found: dict[str, str] = {}
    for text, code, _ in aliases.aliases():
        assert found.setdefault(_key(text), code) == code, text


def _key(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.lower())
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", plain).strip()


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("MÉXICO", "MEX"),
        ("russia", "RUS"),
        ("Cote D`Ivoire, Republic Of", "CIV"),
        ("Belarus (Belorussia)", "BLR"),
        ("Республика Беларусь", "BLR"),
        ("БЕЛАРУСЬ", "BLR"),
        ("Соединённые Штаты", "USA"),
        ("Україна", "UKR"),
        ("Russian Fed.", "RUS"),
        ("МЕКСИКА", "MEX"),
        ("Lemuria", None),
    ],
)
def test_labels_of_publishers_are_known_and_others_are_not_guessed(
    label: str, code: str | None
) -> None:
    assert one("countries", label) == code


@needs_samples
def test_the_dimension_agrees_with_m49_and_with_the_oksm() -> None:
    folder = SAMPLES_FOLDER / "reference" / "classifications"
    seed = countries()
    for language in ("en", "ru"):
        areas = table(folder / f"UNSD-M49-{language}.csv")
        assert len(areas) == 249
        for area in areas:
            row = seed[area["ISO-alpha3 Code"]]
            assert (area["M49 Code"], area["ISO-alpha2 Code"]) == (row["m49"], row["alpha2"])
            assert one("countries", area["Country or Area"]) == row["country_code"]
    listed = list(_oksm())
    assert len(listed) == 252
    for entry in listed:
        code = CODES.get(entry["ALFA3"], entry["ALFA3"])
        assert seed[code]["oksm"] == entry["CODE"]
        assert one("countries", entry["SHORTNAME"]) == code


def _oksm() -> Iterator[dict[str, str]]:
    path = SAMPLES_FOLDER / "procurement" / "eis_223fz" / "homyakin_codelists" / "country.json"
    yield from json.loads(path.read_text(encoding="utf-8"))
