"""Eurostat: the bulk files under both headers, and the Data Browser's workbooks."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import py7zr
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ingest.contract import load_contract
from ingest.errors import SchemaDrift
from ingest.landing import Landed
from tests.support import land

Write = Callable[[str, str | bytes], Path]
GIVEN = Path(os.environ.get("DVINA_SAMPLES", "")) / "customs" / "eurostat"
needs_samples = pytest.mark.skipif(
    not os.environ.get("DVINA_SAMPLES"), reason="DVINA_SAMPLES does not name the sample files"
)
NEW = (
    "REPORTER,PARTNER,TRADE_TYPE,PRODUCT_NC,PRODUCT_SITC,PRODUCT_CPA21,PRODUCT_CPA22,PRODUCT_BEC,"
    "PRODUCT_BEC5,PRODUCT_SECTION,FLOW,STAT_PROCEDURE,SUPPL_UNIT,PERIOD,VALUE_EUR,VALUE_NAC,"
    "QUANTITY_KG,QUANTITY_SUPPL_UNIT\n"
)
OLD = (
    "DECLARANT,DECLARANT_ISO,PARTNER,PARTNER_ISO,TRADE_TYPE,PRODUCT_NC,PRODUCT_SITC,"
    "PRODUCT_cpa2002,PRODUCT_cpa2008,PRODUCT_CPA2_1,PRODUCT_BEC,PRODUCT_SECTION,FLOW,STAT_REGIME,"
    "SUPP_UNIT,PERIOD,VALUE_IN_EUROS,QUANTITY_IN_KG,SUP_QUANTITY\n"
)
NEW_ROWS = (
    "AT,BY,E,01012100,00150,0143,0143,111,112110,01,2,1,PST,202402,1500.5,1500.5,400,2\n"
    "AT,BY,E,39XXXXXX,582XX,XXXX,XXXX,700,31XXXX,07,2,1,NO_SU,202402,89,89,0,0\n"
    "AT,BY,E,39XXXXXX,583XX,XXXX,XXXX,700,31XXXX,07,2,1,NO_SU,202402,11,11,0,0\n"
    "AT,BY,E,TOTAL,TOTAL,TOTAL,TOTAL,TOTAL,TOTAL,TOTAL,2,1,NO_SU,202402,1600.5,1600.5,400,0\n"
)


def _table(landed: Landed) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in landed.segments)


def _reasons(landed: Landed) -> dict[tuple[str, str], int]:
    table = pq.read_table(landed.quarantine)
    counted = table.group_by(["rule", "value"]).aggregate([("row", "count")]).to_pylist()
    return {(entry["rule"], entry["value"]): entry["row_count"] for entry in counted}


def _counts(landed: Landed) -> tuple[int, int, int, int]:
    m = landed.manifest
    assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate
    return m.rows_read, m.rows_landed, m.rows_quarantined, m.rows_duplicate


def _comext(home: Path, path: Path) -> Landed:
    return land(load_contract("customs_comext_flows"), path, home)


def test_a_bulk_file_keeps_codes_levels_and_suppressed_rows(home: Path, write: Write) -> None:
    landed = _comext(home, write("full_v2_202402.dat", NEW + NEW_ROWS))
    assert _counts(landed) == (4, 4, 0, 0)
    assert landed.manifest.drift == ()
    table = _table(landed)
    assert table["commodity_code"].to_pylist() == ["01012100", "39XXXXXX", "39XXXXXX", "TOTAL"]
    assert table["commodity_level"].to_pylist() == [8, 8, 8, 0]
    assert set(table["partner_code"].to_pylist()) == {"BLR"}
    assert set(table["period"].to_pylist()) == {"2024-02"}
    assert [str(value) for value in table["value_eur"].to_pylist()] == [
        "1500.50", "89.00", "11.00", "1600.50",
    ]  # fmt: skip


def test_the_older_header_gives_the_same_columns(home: Path, write: Write) -> None:
    rows = (
        "001,FR,0075,RU,E,27090090,33300,1110,0610,0610,311,05,1,1,-,200801,2580,600,0\n"
        "001,FR,0003,NL,I,99RRR100,00151,0122,0143,.....,111,01,2,4,A,200801,77,5,1\n"
    )
    landed = _comext(home, write("full200801.dat", OLD + rows))
    assert _counts(landed) == (2, 2, 0, 0)
    assert landed.manifest.drift == ()
    first, second = _table(landed).to_pylist()
    assert (first["reporter_code"], first["partner_code"], first["flow_code"]) == (
        "FRA",
        "RUS",
        "M",
    )
    assert (first["period"], first["frequency"], first["quantity_kg"]) == ("2008-01", "M", 600)
    assert (second["partner_code"], second["flow_code"]) == ("NLD", "X")
    assert (second["commodity_code"], second["stat_procedure_code"]) == ("99RRR100", "4")


def test_month_52_is_the_year(home: Path, write: Write) -> None:
    landed = _comext(home, write("full_v2_202352.dat", NEW + NEW_ROWS.replace("202402", "202352")))
    table = _table(landed)
    assert set(table["period"].to_pylist()) == {"2023"}
    assert set(table["frequency"].to_pylist()) == {"A"}


PARTNERS = {
    "GR": "GRC", "EL": "GRC", "GB": "GBR", "XI": "XXI", "XU": "XXU", "XK": "XKX", "XS": "SRB",
    "QP": "XQP", "QV": "XQV", "QZ": "XQZ", "NA": "NAM", "AN": "ANT", "CS": "XCS",
}  # fmt: skip


@pytest.mark.parametrize("letters", PARTNERS)
def test_a_partner_that_is_no_iso_country_keeps_a_code_of_its_own(
    home: Path, write: Write, letters: str
) -> None:
    row = NEW_ROWS.splitlines()[0].replace("AT,BY", f"AT,{letters}") + "\n"
    (found,) = _table(_comext(home, write("a.dat", NEW + row)))["partner_code"].to_pylist()
    assert found == PARTNERS[letters]


def test_an_unknown_partner_is_quarantined_with_its_letters(home: Path, write: Write) -> None:
    rows = NEW_ROWS * 30 + NEW_ROWS.splitlines()[0].replace("BY", "J9") + "\n"
    landed = _comext(home, write("a.dat", NEW + rows))
    assert _reasons(landed) == {("unknown_countries_alpha2", "J9"): 1}


@pytest.mark.parametrize("packed", ["zip", "7z"])
def test_a_packed_bulk_file_lands_like_the_plain_one(home: Path, write: Write, packed: str) -> None:
    buffer = io.BytesIO()
    if packed == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr("full_202402.dat", NEW + NEW_ROWS)
    else:
        with py7zr.SevenZipFile(buffer, "w") as archive:
            archive.writestr(NEW + NEW_ROWS, "full_202402.dat")
    landed = _comext(home, write(f"full_v2_202402.{packed}", buffer.getvalue()))
    assert _counts(landed) == (4, 4, 0, 0)


def test_a_bulk_file_without_a_column_is_drift(home: Path, write: Write) -> None:
    with pytest.raises(SchemaDrift, match="misses the column VALUE_EUR"):
        _comext(home, write("a.dat", (NEW + NEW_ROWS).replace("VALUE_EUR", "VALUE")))


@needs_samples
def test_the_given_bulk_excerpt_lands_whole(home: Path) -> None:
    landed = _comext(home, GIVEN / "comext_full_v2_excerpt_202402_AT_AD.dat")
    assert _counts(landed) == (13, 13, 0, 0)
    table = _table(landed)
    assert pc.sum(table["value_eur"]).as_py() == 7_713
    suppressed = table.filter(pc.equal(table["commodity_code"], "39XXXXXX"))
    assert suppressed["value_eur"].to_pylist() == [89]
