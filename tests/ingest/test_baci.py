"""CEPII's BACI: revision and release come from the file's name, codes get their zeros back."""

import csv
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.contract import load_contract
from ingest.errors import IngestError, SchemaDrift, SourceRefused
from ingest.landing import Landed
from ingest.lookups import resolve
from tests.conftest import SAMPLES_FOLDER, needs_samples
from tests.support import land

Write = Callable[[str, str | bytes], Path]
GIVEN = SAMPLES_FOLDER / "customs" / "eurostat"
NAME = "BACI_HS17_Y2020_V202301.csv"
HEADER = "t,i,j,k,v,q\n"
# Laid out as the publisher's files are; the figures are made up.
ROWS = (
    "2020,112,643,10121,        27.031,         1.204\n"
    "2020,643,112,870323,1250.5,NA\n"
    "2020,156,490,854231,   0.999,           NA\n"
)


def _baci(home: Path, path: Path) -> Landed:
    return land(load_contract("customs_baci_flows"), path, home)


def _table(landed: Landed) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in landed.segments)


def test_a_year_lands_with_revision_release_and_whole_codes(home: Path, write: Write) -> None:
    landed = _baci(home, write(NAME, HEADER + ROWS))
    m = landed.manifest
    assert (m.rows_read, m.rows_landed, m.rows_quarantined, m.drift) == (3, 3, 0, ())
    table = _table(landed)
    assert table["exporter_code"].to_pylist() == ["BLR", "RUS", "CHN"]
    assert table["importer_code"].to_pylist() == ["RUS", "BLR", "TWN"]
    assert table["commodity_code"].to_pylist() == ["010121", "870323", "854231"]
    assert [str(v) for v in table["value_usd_thousands"].to_pylist()] == [
        "27.031",
        "1250.500",
        "0.999",
    ]
    assert [str(v) for v in table["quantity_tonnes"].to_pylist()] == ["1.204", "None", "None"]
    constants = {"classification_code": "H5", "publisher_version": "V202301", "period": "2020",
                 "frequency": "A", "record_kind": "reconciled", "valuation_code": "FOB",
                 "commodity_level": 6}  # fmt: skip
    for name, value in constants.items():
        assert set(table[name].to_pylist()) == {value}


@pytest.mark.parametrize(
    ("name", "revision", "release"),
    [
        ("BACI_HS92_Y1995_V202401b.csv", "H0", "V202401b"),
        ("BACI_HS22_Y2023_V202501.csv", "H6", "V202501"),
        ("download of BACI_HS02_Y2010_V202301 (1).csv", "H2", "V202301"),
    ],
)
def test_the_name_tells_revision_and_release(
    home: Path, write: Write, name: str, revision: str, release: str
) -> None:
    table = _table(_baci(home, write(name, HEADER + ROWS)))
    assert set(table["classification_code"].to_pylist()) == {revision}
    assert set(table["publisher_version"].to_pylist()) == {release}


def test_the_older_header_is_read_too(home: Path, write: Write) -> None:
    rows = "2010,10121,112,643,27.031,1.204\n"
    table = _table(_baci(home, write("BACI_HS07_Y2010_V201701.csv", "t,hs6,i,j,v,q\n" + rows)))
    assert table["commodity_code"].to_pylist() == ["010121"]


def test_a_file_that_was_renamed_is_quarantined_whole_with_its_name(
    home: Path, write: Write
) -> None:
    landed = _baci(home, write("trade2020.csv", HEADER + ROWS))
    refused = pq.read_table(landed.quarantine).to_pylist()
    assert [(row["rule"], row["column"], row["value"]) for row in refused] == [
        ("not_in_list", "classification_code", "trade2020.csv")
    ] * 3


def test_an_unknown_country_is_quarantined(home: Path, write: Write) -> None:
    rows = ROWS * 30 + ROWS.splitlines()[0].replace("112", "999") + "\n"
    (refused,) = pq.read_table(_baci(home, write(NAME, HEADER + rows)).quarantine).to_pylist()
    assert (refused["rule"], refused["value"]) == ("unknown_countries_baci", "999")


def test_a_value_that_is_missing_or_negative_is_quarantined(home: Path, write: Write) -> None:
    bad = "2020,112,643,870421,NA,1\n2020,112,643,870422,-1,1\n2020,112,643,0101210,1,1\n"
    refused = pq.read_table(_baci(home, write(NAME, HEADER + ROWS + bad)).quarantine).to_pylist()
    assert [(row["row"], row["rule"]) for row in refused] == [
        (4, "not_decimal"), (5, "below_minimum"), (6, "pattern"),
    ]  # fmt: skip


@needs_samples
def test_every_code_of_the_publisher_is_a_country_or_an_area_of_its_own() -> None:
    with (GIVEN / "baci_country_codes_V202301.csv").open(encoding="utf-8", newline="") as lines:
        listed = {row["country_code"]: row["iso_3digit_alpha"] for row in csv.DictReader(lines)}
    assert len(listed) == 238
    ours = resolve("countries_baci", pa.array(list(listed))).to_pylist()
    other = {
        code: mine for (code, iso), mine in zip(listed.items(), ours, strict=True) if mine != iso
    }
    assert other == {"697": "R20", "711": "ZA1", "849": "PUS"}


@needs_samples
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        (
            "baci_country_codes_V202301.csv",
            SchemaDrift,
            "misses the column i, j, k, t, v, q; it has instead: country_code",
        ),
        (
            "baci_product_codes_HS17_V202301.csv",
            SchemaDrift,
            "misses the column i, j, k, t, v, q; it has instead: code, description",
        ),
        ("eurostat_lt_total_exports.xlsx", SourceRefused, "workbook"),
    ],
)
def test_a_given_file_of_another_kind_says_what_it_is(
    home: Path, name: str, error: type[IngestError], words: str
) -> None:
    with pytest.raises(error, match=words):
        _baci(home, GIVEN / name)
