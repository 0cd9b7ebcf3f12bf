"""The seed of access rules is the decree's appendices, item by item; its codes are those of OKPD2."""

import csv
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.contract import load_contract
from tests.conftest import PROJECT, SAMPLES, SAMPLES_FOLDER, needs_samples
from tests.support import land

SEEDS = PROJECT / "dbt_project" / "seeds"
NOT_IN_OKPD2 = {"26.80.13.000", "11.02.12.160"}  # in no edition at hand


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def items(path: Path, home: Path) -> list[dict[str, str | int | None]]:
    landed = land(load_contract("reference_pp1875_items"), path, home)
    assert landed.manifest.rows_quarantined == 0
    table = pa.concat_tables(pq.read_table(segment) for segment in landed.segments)
    rows: list[dict[str, str | int | None]] = table.to_pylist()
    return rows


def rules(rows: list[dict[str, str | int | None]]) -> set[tuple[str, str, str, str]]:
    """Appendix, item, code and exceptions."""
    return {
        (str(row["appendix_number"]), str(row["item_number"]), code, _joined(row["excepted_codes"]))
        for row in rows
        for code in _codes(row["okpd2_codes"])
    }


def _codes(text: str | int | None) -> list[str]:
    return re.findall(r"[0-9]+(?:\.[0-9]+)*", str(text or ""))


def _joined(text: str | int | None) -> str:
    return "|".join(_codes(text))


def told() -> set[tuple[str, str, str, str]]:
    return {
        (row["appendix_number"], row["item_number"], row["code_prefix"], row["excepted_prefixes"])
        for row in seed("access_rules")
    }


def test_the_shipped_items_of_the_decree_are_in_the_seed(home: Path) -> None:
    shipped = rules(items(SAMPLES / "reference_pp1875_items" / "pp1875_app2.tsv", home))
    assert len(shipped) > 20
    assert ("2", "454", "10.51.4", "10.51.40.120") in shipped
    assert shipped <= told()


def test_appendix_1_bans_and_appendix_2_restricts_and_the_union_is_exempt() -> None:
    rows = seed("access_rules")
    assert {(row["appendix_number"], row["restriction_kind"]) for row in rows} == {
        ("1", "ban"), ("2", "restriction"),
    }  # fmt: skip
    assert {row["exempt_group_id"] for row in rows} == {"EAEU"}
    assert {row["valid_from"] for row in rows} == {"2025-01-01"}
    members = {row["country_code"] for row in seed("country_groups") if row["group_id"] == "EAEU"}
    assert members == {"ARM", "BLR", "KAZ", "KGZ", "RUS"}


def test_seeds_without_a_public_text_are_empty_and_say_so() -> None:
    told = ("rules", "operations", "recognitions", "records")
    for name in told:
        assert seed(f"localisation_{name}") == []
    described = (SEEDS / "_seeds.yml").read_text(encoding="utf-8")
    assert described.count("empty, because no public text was at hand") == len(told)


@needs_samples
def test_the_seed_is_the_two_appendices_item_by_item(home: Path) -> None:
    folder = SAMPLES_FOLDER / "reference" / "classifications"
    first, second = (items(folder / f"pp1875_app{n}.tsv", home) for n in (1, 2))
    assert (len(first), len(second)) == (151, 465)
    assert rules(first) | rules(second) == told()
    assert len(told()) == 845
    lines = (folder / "okpd2_okpd_table.tsv").read_text(encoding="utf-8").splitlines()
    known = {line.partition("\t")[0].strip() for line in lines}
    assert {code for _, _, code, _ in told()} - known == NOT_IN_OKPD2
    print(f"Decree 1875: {len(first)} and {len(second)} items, {len(told())} codes")
