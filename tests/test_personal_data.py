"""No contact and no natural person's name gets through: landing, quarantine, warehouse, side store, logs.

The published files are searched where marts are built (tests/dbt/test_documents.py).
"""

import re
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dvina import pipeline
from dvina.settings import Settings
from ingest.contract import dataset_names, load_contract
from tests.conftest import synthetic
from tests.personal_data import everything_in, planted_in
from warehouse.database import open_warehouse

# Datasets whose made-up files carry personal data; a dataset with contacts plants the same words.
DATASETS = [
    d
    for d in dataset_names()
    if any(planted_in(f.read_bytes().decode("utf-8", "replace")) for f in synthetic(d))
]
# In each a value that is made unreadable, so that a record lands in quarantine.
BROKEN = {
    "procurement_eis_notices": "<maxPrice>5000000</maxPrice>",
    "procurement_eis_protocols": ">450000.00<",
    "procurement_eis_contracts": "<ns5:price>6900000</ns5:price>",
    "procurement_eis_executions": "<ns3:price>6900000</ns3:price>",
    "procurement_ted_notices": ">3000000.00<",
    "procurement_wb_contracts": ",25000.50,",
}


def test_datasets_with_contacts_are_among_those_that_are_searched() -> None:
    assert {*BROKEN} <= {*DATASETS}


@pytest.mark.parametrize("dataset", DATASETS)
def test_nothing_of_a_person_is_kept_anywhere(
    dataset: str, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = _with_a_broken_record(dataset, tmp_path)
    outcome = pipeline.ingest(Settings(home=home), dataset, str(broken))
    assert outcome.state == "accepted", outcome.message
    assert outcome.rows_quarantined > 0
    refused = home / "landing" / dataset / outcome.load_id / "quarantine.parquet"
    assert "n/a" in str(pq.read_table(refused).to_pylist())
    with open_warehouse(home) as connection:
        kept = connection.execute("select count(*) from quarantine.rows").fetchall()
        assert kept == [(outcome.rows_quarantined,)]
    said = list(everything_in(home))
    assert any(word in text.lower() for _, text in said for word in ("9909", "09999", "invented"))
    assert {(where, *planted_in(text)) for where, text in said if planted_in(text)} == set()
    assert planted_in("".join(capfd.readouterr())) == set()
    assert planted_in(outcome.message) == set()


@pytest.mark.parametrize("dataset", DATASETS)
def test_files_with_contacts_are_not_archived(dataset: str, home: Path) -> None:
    assert load_contract(dataset).keep_archive_days == 0
    assert (
        pipeline.ingest(Settings(home=home), dataset, str(synthetic(dataset)[0])).state
        == "accepted"
    )
    assert [path for path in (home / "archive").rglob("*") if path.is_file()] == []


def _with_a_broken_record(dataset: str, folder: Path) -> Path:
    """The dataset's files many times over, so that one record that is refused is a small share."""
    files = synthetic(dataset)
    which = next(f for f in files if BROKEN.get(dataset, "\0") in f.read_text("utf-8"))
    text = which.read_text("utf-8")
    bad = text.replace(BROKEN[dataset], re.sub("(?<=[>,])[0-9.]+", "n/a", BROKEN[dataset]), 1)
    assert "n/a" in bad
    assert planted_in(bad)
    if which.suffix == ".csv":
        path = folder / "many.csv"
        head, *lines = text.splitlines(keepends=True)
        path.write_text(
            head + "".join(lines) * 20 + "".join(bad.splitlines(keepends=True)[1:]), "utf-8"
        )
        return path
    path = folder / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(60):
            archive.writestr(f"{number}.xml", text)
        archive.writestr("bad.xml", bad)
    return path
