"""Every file of the loans samples: ingested with counts that close, or refused with why.

Prints file, rows read, landed and quarantined with reasons, and holds the marts against what is
known. Runs where DVINA_SAMPLES names the folder of samples.
"""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from dvina import pipeline
from dvina.settings import Settings
from ingest.errors import IngestError
from ingest.landing import read_landed, refusals
from tests.conftest import SAMPLES_FOLDER, needs_samples

DEBT, STATEMENTS = "loans_ids_flows", "loans_worldbank_statements"
AID = "loans_iati_activities"
# Files of a kind that is read: dataset and rows, all of which land.
READ = {
    "ibrd_statement_of_loans/IBRD_loans_snapshot_2020-11-30.csv": (STATEMENTS, 8986),
    "ibrd_statement_of_loans/IBRD_loans_snapshot_2023-05-31.csv": (STATEMENTS, 9012),
    "worldbank_ids_bulk/IDS_ALLCountries_Data__EXCERPT_transcribed.csv": (DEBT, 70),
    "worldbank_ids_counterpart/DT.AMT.BLAT.CD_2000-2025.feather": (DEBT, 46372),
    "worldbank_ids_counterpart/DT.AMT.BLTC.CD_2000-2025.feather": (DEBT, 23750),
    "worldbank_ids_counterpart/DT.AMT.PCBK.CD_2000-2025.feather": (DEBT, 23270),
    "worldbank_ids_counterpart/DT.INT.BLAT.CD_2000-2025.feather": (DEBT, 47951),
    "worldbank_ids_counterpart/DT.INT.BLTC.CD_2000-2025.feather": (DEBT, 24529),
    "worldbank_ids_counterpart/DT.INT.PCBK.CD_2000-2025.feather": (DEBT, 24446),
}
# Activities of the IATI standard, one row each.
ACTIVITIES = {
    "aiddata/iati_1.04_TimorLesteAIMS_GeocodedResearchRelease.xml": 134,
    "aiddata/iati_2.03_IraqAIMS_GeocodedResearchRelease.xml": 1338,
    "iati-flattener/3fi-activity.xml": 1,
    "iati-flattener/beis-activity.xml": 9,
    "iati-flattener/budget-dates-issue-activity.xml": 1,
    "iati-flattener/budget-one-day-activity.xml": 1,
    "iati-flattener/canada-activity.xml": 1,
    "iati-flattener/ec-intpa-activity.xml": 1,
    "iati-flattener/fcdo-activity.xml": 1,
    "iati-flattener/finddiagnostics-activity.xml": 1,
    "iati-flattener/gdihub-activity.xml": 4,
    "iati-flattener/ifad-activity.xml": 1,
    "iati-flattener/sr-activity.xml": 1,
    "iati-flattener/unops-at-activity.xml": 3,
    "iati-flattener/usaid-activity.xml": 1,
    "iati-flattener/usaid-humanitarian-activity.xml": 1,
    "iati-flattener/worldbank-activity.xml": 1,
    "standard_example/activity-standard-example-annotated.xml": 1,
}
READ |= {f"iati/{name}": (AID, rows) for name, rows in ACTIVITIES.items()}
# Rows that a file above has already, in another form.
AGAIN = {
    "worldbank_ids_bulk/tushardhawale123/DebtData.csv": DEBT,
    "worldbank_ids_counterpart/derived_BLR_RUS_extract.csv": DEBT,
}
# Files of no supported kind, or no data: what the message says.
REFUSED = {
    "oecd_crs/crs_2021_raw.feather": (DEBT, "misses the column"),
    "oecd_crs/crs_codes.json": (DEBT, "no page of International Debt Statistics"),
    "worldbank_ids_bulk/Country-Series - Metadata.csv": (DEBT, "misses the column"),
    "worldbank_ids_bulk/IDS_CountryMetaData.csv": (DEBT, "misses the column"),
    "worldbank_ids_bulk/IDS_FootNoteMetaData.csv": (DEBT, "misses the column"),
    "worldbank_ids_bulk/IDS_SeriesMetaData.csv": (DEBT, "misses the column"),
    "worldbank_ids_bulk/location-codes.csv": (DEBT, "misses the column"),
    "worldbank_ids_bulk/r-wbids/download_bulk_file_output.xlsx": (DEBT, "workbook"),
}


def files() -> set[str]:
    """Every file of the loans folders, by folder and name."""
    folder = SAMPLES_FOLDER / "loans"
    found = {path.relative_to(folder) for path in folder.rglob("*.*") if path.is_file()}
    return {str(path) for path in found if path.name != "SOURCES.md"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with every file of the samples brought in."""
    return tmp_path_factory.mktemp("loans") / "home"


@needs_samples
@pytest.mark.timeout(300)
def test_every_loans_file_is_ingested_or_says_exactly_why_not(home: Path) -> None:
    assert files() == {*READ, *AGAIN, *REFUSED}
    settings = Settings(home=home)
    for name, (dataset, rows) in READ.items():
        outcome = pipeline.ingest(settings, dataset, str(SAMPLES_FOLDER / "loans" / name))
        landed = read_landed(home / "landing" / dataset / outcome.load_id)
        print(f"{name}: {outcome.counts}. {refusals(landed)}")
        assert (outcome.state, outcome.rows_read) == ("accepted", rows), f"{name} {outcome.message}"
        assert (outcome.rows_landed, outcome.rows_quarantined) == (rows, 0)
    for name, dataset in AGAIN.items():
        outcome = pipeline.ingest(settings, dataset, str(SAMPLES_FOLDER / "loans" / name))
        print(f"{name}: {outcome.state}. {outcome.counts}")
        assert outcome.rows_landed == outcome.rows_read > 0
    for name, (dataset, why) in REFUSED.items():
        told = _refusal(settings, dataset, SAMPLES_FOLDER / "loans" / name)
        print(f"{name}: {told}")
        assert why in told
        assert dataset in told


@needs_samples
@pytest.mark.timeout(300)
def test_the_marts_say_what_is_known(home: Path) -> None:
    """Figures that the publisher shows, and exact totals of the files."""
    built = subprocess.run(
        [sys.executable, "-m", "dvina", "build"],
        env={**os.environ, "DVINA_HOME": str(home), "DVINA_PAIRS": "BLR-RUS"},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert built.stdout.startswith("published"), built.stdout + built.stderr
    with duckdb.connect(home / "published" / "current.duckdb", read_only=True) as marts:
        paid = marts.execute(
            "select period, repaid_bilateral_usd, is_projection from marts.mart_sector_loans "
            "where lender_code = 'RUS' and borrower_code = 'BLR' and period >= '2022' order by 1"
        ).fetchall()
        assert [(year, round(usd / 10**6, 1), late) for year, usd, late in paid] == [
            ("2022", Decimal("1629.7"), False),
            ("2023", Decimal("1224.6"), False),
            ("2024", Decimal("1036.8"), True),
            ("2025", Decimal("971.4"), True),
        ]
        loans = marts.execute(
            "select borrower_code, loan_count, disbursed_usd from marts.mart_sector_loans "
            "where period = '2023-05' and borrower_code in ('BLR', 'RUS') order by 1"
        ).fetchall()
        assert [(code, count) for code, count, _ in loans] == [("BLR", 27), ("RUS", 85)]
        assert all(drawn is not None and drawn > 0 for code, _, drawn in loans if code == "BLR")
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as warehouse:
        presence = dict(
            warehouse.execute(
                "select presence, count(*) from intermediate.int_loans_by_snapshot group by 1"
            ).fetchall()
        )
        assert presence["first statement"] == 8986
        assert presence["new"] + presence.get("appeared", 0) == 352
        gone = warehouse.execute(
            "select count(*) from intermediate.int_loans_vanished_by_snapshot"
        ).fetchall()
        assert gone == [(326,)]
        totals = warehouse.execute(
            "select sum(disbursed_usd) from accepted.loans_worldbank_statements "
            "where as_of_date = '2023-05-31'"
        ).fetchall()
    text = SAMPLES_FOLDER / "loans/ibrd_statement_of_loans/IBRD_loans_snapshot_2023-05-31.csv"
    assert totals == [(_total(text, "Disbursed Amount"),)]


def _total(path: Path, column: str) -> Decimal:
    import csv

    with path.open(newline="", encoding="utf-8") as lines:
        return sum((Decimal(row[column]) for row in csv.DictReader(lines)), Decimal(0))


def _refusal(settings: Settings, dataset: str, path: Path) -> str:
    try:
        outcome = pipeline.ingest(settings, dataset, str(path))
    except IngestError as error:
        return str(error)
    assert outcome.state == "rejected"
    assert outcome.rows_landed == 0
    return outcome.message
