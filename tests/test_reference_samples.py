"""Every reference file that publishers gave us: ingested with counts that close, or refused with why.

Prints file, rows read, landed and quarantined with reasons. Runs where DVINA_SAMPLES names the
folder of samples.
"""

from pathlib import Path

import pytest

from ingest.contract import load_contract
from ingest.errors import IngestError
from ingest.landing import refusals
from tests.conftest import SAMPLES_FOLDER, needs_samples
from tests.support import land

C = "classifications"
WITS = f"{C}/concordance_insongkim"
PAIRS = "reference_code_concordances"
# Files of a kind that is read: dataset, rows read, rows quarantined.
READ = {
    "belarus_reference/okrb_catalog.tsv": ("reference_okrb_codes", 17_700, 1),
    f"{C}/HS_consolidated_comtrade_concordances.csv": ("reference_hs_concordances", 63_728, 2),
    f"{C}/UNSD-M49-en.csv": ("reference_m49_areas", 249, 0),
    f"{C}/UNSD-M49-ru.csv": ("reference_m49_areas", 249, 0),
    f"{C}/harmonized-system.csv": ("reference_hs_codes", 6_940, 0),
    f"{C}/okpd2_okpd_table.tsv": ("reference_okpd2_codes", 20_328, 0),
    f"{C}/pp1875_app1.tsv": ("reference_pp1875_items", 151, 0),
    f"{C}/pp1875_app2.tsv": ("reference_pp1875_items", 465, 0),
    f"{C}/tnved_fns/TNVED1.TXT": ("reference_tnved_tables", 149, 0),
    f"{C}/tnved_fns/TNVED2.TXT": ("reference_tnved_tables", 722, 0),
    f"{C}/tnved_fns/TNVED3.TXT": ("reference_tnved_tables", 6_591, 0),
    f"{C}/tnved_go-tnved_tree.json": ("reference_tnved_codes", 13_768, 0),
    f"{WITS}/HS2017_to_BEC_Conversion_and_Correlation_Tables.csv": (PAIRS, 5_511, 0),
    f"{WITS}/HS2022_to_BEC_Conversion_and_Correlation_Tables.csv": (PAIRS, 6_191, 265),
    f"{WITS}/ISIC4_ISIC31.txt": (PAIRS, 737, 0),
    f"{WITS}/ISIC_Rev_31-ISIC_Rev_3_correspondence.txt": (PAIRS, 316, 2),
    f"{WITS}/ISIC_Rev_4_english_structure.txt": ("reference_isic_codes", 766, 0),
    f"{WITS}/JobID-48_Concordance_H3_to_I3.CSV": (PAIRS, 5_052, 0),
    f"{WITS}/JobID-64_Concordance_HS_to_I3.CSV": (PAIRS, 5_703, 0),
    f"{WITS}/classificationBEC.json": ("reference_bec_codes", 34, 0),
    f"{WITS}/classificationH6.json": ("reference_hs_codes", 6_944, 0),
    "cpv_reference/cpv_en.json": ("reference_cpv_codes", 9_458, 0),
    "cpv_reference/cpv_ru.json": ("reference_cpv_codes", 9_454, 3),
}
OKPD2, HS, CPV = "reference_okpd2_codes", "reference_hs_codes", "reference_cpv_codes"
# Files of no supported kind, or no data: what the message says.
REFUSED = {
    "belarus_reference/countries_catalog.tsv": ("reference_m49_areas", "is empty"),
    f"{C}/CN_concordances_1988_2025.xls": (PAIRS, "binary"),
    f"{C}/country-codes.csv": ("reference_m49_areas", "misses the column"),
    f"{C}/cpv_regional_development.csv": (CPV, "not JSON"),
    f"{C}/eec_ett_normative_bundle.json": ("reference_tnved_codes", "holds no record"),
    f"{C}/hs_sections.csv": (HS, "misses the column"),
    f"{C}/okpd_to_okpd2.xlsx": (OKPD2, "workbook"),
    "okpd2_reference/df_all_OKPD2.csv": (OKPD2, "none of its first lines"),
    "okpd2_reference/df_all_orgs.csv": (OKPD2, "none of its first lines"),
    "okpd2_reference/df_regions_codes.csv": (OKPD2, "none of its first lines"),
    "okpd2_reference/df_xml_patterns.csv": (OKPD2, "none of its first lines"),
}


def files() -> set[str]:
    """Every file of the reference folder, by folder and name."""
    root = SAMPLES_FOLDER / "reference"
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.name != "SOURCES.md"
    }


@needs_samples
def test_every_reference_file_is_given_to_a_dataset() -> None:
    assert files() == {*READ, *REFUSED}


@needs_samples
@pytest.mark.parametrize("name", READ)
def test_a_reference_file_is_ingested_and_its_counts_close(home: Path, name: str) -> None:
    dataset, rows, quarantined = READ[name]
    landed = land(load_contract(dataset), SAMPLES_FOLDER / "reference" / name, home)
    m = landed.manifest
    print(f"{name}: {m.rows_read} read = {m.rows_landed} landed + {m.rows_quarantined} "
          f"quarantined + {m.rows_duplicate} duplicates. {refusals(landed)}")  # fmt: skip
    assert (m.rows_read, m.rows_quarantined) == (rows, quarantined)
    assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate
    assert m.rows_duplicate <= 1
    limit = load_contract(dataset).limits.max_quarantined_share
    assert m.rows_quarantined <= limit * m.rows_read


@needs_samples
@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_another_kind_says_exactly_why_it_is_refused(home: Path, name: str) -> None:
    dataset, why = REFUSED[name]
    with pytest.raises(IngestError, match=why) as told:
        land(load_contract(dataset), SAMPLES_FOLDER / "reference" / name, home)
    print(f"{name}: {told.value}")
    assert dataset in str(told.value)
