"""Daily rates as three central banks publish them: Nominal, Cur_Scale, N/A and trailing commas."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.contract import load_contract
from ingest.errors import SchemaDrift, SourceRefused
from ingest.landing import Landed
from tests.conftest import SAMPLES, SAMPLES_FOLDER, needs_samples, synthetic
from tests.support import land

Write = Callable[[str, str | bytes], Path]
CBR, NBRB, ECB = (f"reference_rates_{bank}" for bank in ("cbr", "nbrb", "ecb"))
FX = SAMPLES_FOLDER / "customs" / "fx"


def counts(landed: Landed) -> tuple[int, int, int]:
    m = landed.manifest
    assert m.rows_read == m.rows_landed + m.rows_quarantined + m.rows_duplicate
    return m.rows_read, m.rows_landed, m.rows_quarantined


def table(landed: Landed) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in landed.segments)


def rates(landed: Landed, units: str, rate: str) -> dict[str, tuple[int, Decimal]]:
    rows = table(landed).to_pylist()
    return {row["currency_code"]: (row[units], row[rate]) for row in rows}


def test_a_rate_of_the_bank_of_russia_keeps_its_nominal(home: Path) -> None:
    landed = land(load_contract(CBR), synthetic(CBR)[0], home)
    assert counts(landed) == (3, 3, 0)
    assert rates(landed, "nominal", "rate_rub") == {
        "USD": (1, Decimal("50.000000")), "JPY": (100, Decimal("25.500000")),
        "AUD": (1, Decimal("36.100000")),
    }  # fmt: skip
    numbers = dict(
        zip(
            *(table(landed)[c].to_pylist() for c in ("currency_code", "currency_number")),
            strict=True,
        )
    )
    assert numbers["AUD"] == "036"
    assert {str(day) for day in table(landed)["rate_date"].to_pylist()} == {"2030-02-01"}


def test_a_blank_for_thousands_is_not_guessed_away(home: Path, write: Write) -> None:
    text = synthetic(CBR)[0].read_bytes().replace(b"36,1000", b"1 036,1")
    landed = land(load_contract(CBR), write("daily.xml", text), home)
    assert counts(landed) == (3, 2, 1)
    (refused,) = pq.read_table(landed.quarantine).to_pylist()
    assert (refused["rule"], refused["column"], refused["value"]) == (
        "not_decimal", "rate_rub", "1 036,1",
    )  # fmt: skip


def test_a_rate_of_the_national_bank_of_belarus_keeps_its_scale(home: Path) -> None:
    landed = land(load_contract(NBRB), synthetic(NBRB)[0], home)
    assert counts(landed) == (2, 2, 0)
    assert rates(landed, "scale_units", "rate_byn")["IRR"] == (100_000, Decimal("5.125000"))


def test_cells_without_a_quotation_are_no_rates(home: Path) -> None:
    """24 days of five currencies; the rouble ends on 2022-03-01."""
    landed = land(load_contract(ECB), SAMPLES / ECB / f"{ECB}.csv", home)
    assert counts(landed) == (24 * 5 - 3, 24 * 5 - 3, 0)
    roubles = table(landed).filter(pa.compute.equal(table(landed)["currency_code"], "RUB"))
    assert str(max(roubles["rate_date"].to_pylist())) == "2022-03-01"


@pytest.mark.parametrize("day", ["13 April 2026", "3 April 2026", "03 April 2026", "2026-04-03"])
def test_the_daily_file_with_blanks_and_words_for_months_is_read(
    home: Path, write: Write, day: str
) -> None:
    text = f"Date, USD, JPY, RUB, \n{day}, 1.1684, 186.75, N/A, \n"
    landed = land(load_contract(ECB), write("eurofxref.csv", text), home)
    assert counts(landed) == (2, 2, 0)
    assert {str(row["rate_date"])[:7] for row in table(landed).to_pylist()} == {"2026-04"}
    assert [str(value) for value in table(landed)["rate_per_eur"].to_pylist()] == [
        "1.168400", "186.750000",
    ]  # fmt: skip


def test_a_line_of_another_width_and_a_rate_that_is_none_are_quarantined(
    home: Path, write: Write
) -> None:
    text = "Date,USD,JPY,\n2026-04-13,1.1,186.75,\n2026-04-10,1.2,1,2,\n2026-04-09,n.a.,180,\n"
    landed = land(load_contract(ECB), write("a.csv", text), home)
    assert counts(landed) == (5, 3, 2)
    refused = {row["rule"]: row["value"] for row in pq.read_table(landed.quarantine).to_pylist()}
    assert refused == {
        "not_decimal": "n.a.", "malformed": "5 fields where the header has 4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("Date,USD,JPY,\n2026-04-13,1.1,18", SourceRefused, "cut in transfer"),
        ("Date,Country,Exchange rate\n1971-01-01,Australia,0.88\n", SchemaDrift, "one column per"),
        ("Date,USD,USD,\n2026-04-13,1,1,\n", SchemaDrift, "one column per currency"),
        ("<html></html>\n", SourceRefused, "HTML page"),
        ("Date,USD,\n2026-04-13,N/A,\n", SourceRefused, "no rows"),
    ],
)
def test_a_table_of_another_kind_is_refused_in_words(
    home: Path, write: Write, text: str, error: type[SourceRefused], words: str
) -> None:
    with pytest.raises(error, match=words):
        land(load_contract(ECB), write("a.csv", text), home)


@needs_samples
def test_given_files_land_whole_and_equal_the_publishers_tables(home: Path) -> None:
    """Read by hand in the files: 100 yen, 10 yuan, 100,000 rials, and the euro's last day of roubles."""
    russia = land(load_contract(CBR), FX / "cbr_XML_daily_2022-03-15.xml", home)
    assert counts(russia) == (34, 34, 0)
    of_russia = rates(russia, "nominal", "rate_rub")
    assert of_russia["AUD"] == (1, Decimal("83.517300"))
    assert of_russia["BYN"] == (1, Decimal("34.997100"))
    belarus = land(load_contract(NBRB), FX / "nbrb_exrates_rates_2022-02-28.json", home)
    assert counts(belarus) == (27, 27, 0)
    of_belarus = rates(belarus, "scale_units", "rate_byn")
    assert of_belarus["AMD"] == (1000, Decimal("5.731500"))
    assert of_belarus["UAH"] == (100, Decimal("9.183700"))
    assert max(units for units, _ in of_belarus.values()) == 100_000
    history = land(load_contract(ECB), FX / "ecb_eurofxref-hist.zip", home)
    assert counts(history) == (217_555, 217_555, 0)  # of 286,303 cells 68,748 are N/A
    day = {
        row["currency_code"]: str(row["rate_per_eur"])
        for row in table(history).to_pylist()
        if str(row["rate_date"]) == "2022-03-01"
    }
    assert (day["RUB"], day["USD"]) == ("117.201000", "1.116200")
    latest = land(load_contract(ECB), FX / "ecb_eurofxref.csv", home)
    assert counts(latest) == (29, 29, 0)
