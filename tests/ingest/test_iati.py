"""Activities of the IATI standard: lists, both versions, currencies by default, nothing personal."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.contract import load_contract
from ingest.landing import Landed
from tests.conftest import SAMPLES_FOLDER, needs_samples, synthetic
from tests.support import land

Write = Callable[[str, str | bytes], Path]
DATASET = "loans_iati_activities"


def _land(path: Path, home: Path) -> Landed:
    return land(load_contract(DATASET), path, home)


def _rows(landed: Landed) -> dict[str, dict[str, Any]]:
    table = pa.concat_tables([pq.read_table(p) for p in landed.segments])
    return {row["activity_id"]: row for row in table.to_pylist()}


def _text() -> str:
    (path,) = synthetic(DATASET)
    return path.read_text(encoding="utf-8")


def test_an_activity_is_a_row_with_its_transactions_sectors_and_terms(home: Path) -> None:
    (path,) = synthetic(DATASET)
    rows = _rows(_land(path, home))
    assert len(rows) == 2
    loan = rows["44000-P000001"]
    assert (loan["reporting_org_code"], loan["title_name"]) == ("44000", "Tools and motors")
    assert [(s["sector_code"], s["percentage"]) for s in loan["sectors"]] == [
        ("32172", Decimal(60)), ("32171", Decimal(40)), ("000812", Decimal(100)),
    ]  # fmt: skip
    told = [(t["transaction_type_code"], str(t["value"]), t["currency_code"], t["finance_type_code"]) for t in loan["transactions"]]  # fmt: skip
    assert told == [
        ("2", "1000000.0000", "USD", None),
        ("3", "250000.5000", "USD", None),
        ("3", "-50000.5000", "USD", None),
        ("6", "7.0000", "USD", None),
        ("3", "99.0000", "USD", "110"),
    ]
    assert loan["transactions"][1]["sectors"][0]["sector_code"] == "32172"
    assert str(loan["loan_rate_percent"]) == "1.2500"
    assert loan["loan_statuses"][0]["principal_outstanding"] == Decimal(200000)


def test_letters_and_plain_texts_of_version_one_are_translated(home: Path) -> None:
    (path,) = synthetic(DATASET)
    older = _rows(_land(path, home))["XX-1"]
    assert older["reporting_org_code"] == "A publisher of 1.0x"
    (transaction,) = older["transactions"]
    assert (transaction["transaction_type_code"], transaction["currency_code"]) == ("2", "EUR")
    assert str(transaction["value"]) == "500.2500"


def test_a_value_without_any_currency_sends_its_activity_to_quarantine(
    home: Path, write: Write
) -> None:
    text = _text().replace('<iati-activity default-currency="EUR">', "<iati-activity>")
    landed = _land(write("a.xml", text), home)
    m = landed.manifest
    assert (m.rows_read, m.rows_landed, m.rows_quarantined) == (2, 1, 1)
    (refused,) = pq.read_table(landed.quarantine).to_pylist()
    assert (refused["rule"], refused["column"]) == ("missing", "transactions.currency_code")
    assert dict(refused["source"])["iati-identifier"] == "XX-1"


def test_a_file_without_a_version_is_read(home: Path, write: Write) -> None:
    path = write("a.xml", _text().replace('<iati-activities version="2.03">', "<iati-activities>"))
    assert {row["version_code"] for row in _rows(_land(path, home)).values()} == {None}


def test_contacts_reach_neither_landing_nor_quarantine(home: Path, write: Write) -> None:
    landed = _land(write("a.xml", _text().replace(">1000000<", ">a lot<")), home)
    assert landed.manifest.rows_quarantined == 1
    for path in landed.folder.rglob("*.parquet"):
        assert "Somebody" not in str(pq.read_table(path).to_pylist())
        assert "example.org" not in str(pq.read_table(path).to_pylist())


@needs_samples
@pytest.mark.parametrize(
    ("name", "activities", "loans"),
    [("iati-flattener/worldbank-activity.xml", 1, 7), ("iati-flattener/ifad-activity.xml", 1, 31),
     ("aiddata/iati_2.03_IraqAIMS_GeocodedResearchRelease.xml", 1338, 0),
     ("aiddata/iati_1.04_TimorLesteAIMS_GeocodedResearchRelease.xml", 134, 0)],
)  # fmt: skip
def test_the_given_activities_land_whole(
    home: Path, name: str, activities: int, loans: int
) -> None:
    rows = _rows(_land(SAMPLES_FOLDER / "loans" / "iati" / name, home))
    assert len(rows) == activities
    every = [t for row in rows.values() for t in row["transactions"] or ()]
    assert every
    assert sum(t["finance_type_code"] in ("410", "421") for t in every) == loans
    assert all(t["currency_code"] for t in every)
