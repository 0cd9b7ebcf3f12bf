"""Statements of the World Bank: both headers, loans and credits, dust, negatives and odd codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.contract import load_contract
from ingest.errors import SchemaDrift
from ingest.landing import Landed
from tests.conftest import SAMPLES
from tests.support import land

Write = Callable[[str, str | bytes], Path]
DATASET = "loans_worldbank_statements"
OLD = (
    "End of Period,Loan Number,Region,Country Code,Country,Borrower,Guarantor Country Code,"
    "Guarantor,Loan Type,Loan Status,Interest Rate,Currency of Commitment,Project ID,Project Name,"
    "Original Principal Amount,Cancelled Amount,Undisbursed Amount,Disbursed Amount,"
    "Repaid to IBRD,Due to IBRD,Exchange Adjustment,Borrower's Obligation,Sold 3rd Party,"
    "Repaid 3rd Party,Due 3rd Party,Loans Held,First Repayment Date,Last Repayment Date,"
    "Agreement Signing Date,Board Approval Date,Effective Date (Most Recent),"
    "Closed Date (Most Recent),Last Disbursement Date"
)
AMOUNTS = (
    "Original Principal Amount", "Cancelled Amount", "Undisbursed Amount", "Disbursed Amount",
    "Repaid to IBRD", "Due to IBRD", "Exchange Adjustment", "Borrower's Obligation",
    "Sold 3rd Party", "Repaid 3rd Party", "Due 3rd Party", "Loans Held",
)  # fmt: skip
NEW = OLD.replace("Country Code", "Country / Economy Code").replace(
    ",Country,", ",Country / Economy,"
)
for _name in AMOUNTS:
    NEW = NEW.replace(f",{_name},", f",{_name} (US$),")
NEW += ",Board approval - Fiscal year,Board approval - Calendar year"
CREDITS = (
    NEW.replace("Loan Number", "Credit Number")
    .replace("Guarantor Country / Economy Code,Guarantor,Loan Type,Loan Status", "Credit Status")
    .replace("Interest Rate", "Service Charge Rate")
    .replace("Currency of", "currency of")
    .replace("to IBRD", "to IDA")
    .replace("Borrower's", "Borrowers")
    .replace("Loans Held", "Credits Held")
)
VALUES = (
    "REGION,{country},Name,\"BANK \"\"A\"\"\",{guarantor},,NPL,Repaying,4.25,,P1,PROJECT,"
    "100,20,10.5,69.5,5,{due},{adjustment},0,0,0,0,75"
)  # fmt: skip
OLD_DATES = ",01/15/2001 12:00:00 AM,,02/01/1999 12:00:00 AM,01/01/1999 12:00:00 AM,,12/31/2005 12:00:00 AM,"
NEW_DATES = ",01/15/2001,,02/01/1999,01/01/1999,,12/31/2005,"


def _line(
    number: str, dates: str = OLD_DATES, day: str = "11/30/2020 12:00:00 AM", **of: str
) -> str:
    told = {"country": "BY", "guarantor": "", "due": "64.5", "adjustment": "0", **of}
    return f"{day},{number},{VALUES.format(**told)}{dates}\n"


def _land(path: Path, home: Path) -> Landed:
    return land(load_contract(DATASET), path, home)


def _rows(landed: Landed) -> list[dict[str, Any]]:
    return pa.concat_tables([pq.read_table(p) for p in landed.segments]).to_pylist()


def test_both_headers_give_the_same_rows(home: Path, write: Write) -> None:
    old = write("old.csv", OLD + "\n" + _line("IBRD12340"))
    line = _line("IBRD12340", NEW_DATES, "11/30/2020").rstrip("\n") + ",1999,1999\n"
    new = write("new.csv", NEW + "\n" + line)
    first, second = (_rows(_land(path, home / path.name)) for path in (old, new))
    assert len(first) == 1
    assert first == second
    assert str(first[0]["signing_date"]) == "1999-02-01"
    assert first[0]["borrower_name"] == 'BANK "A"'


def test_credits_have_another_lender_and_no_guarantor(home: Path, write: Write) -> None:
    line = _line("IDA0H120", NEW_DATES, "11/30/2020").replace(",,,NPL,Repaying", ",Repaying")
    line = line.rstrip("\n") + ",1999,1999\n"
    (row,) = _rows(_land(write("ida.csv", CREDITS + "\n" + line), home))
    assert (row["lender_code"], row["loan_id"]) == ("WB-IDA", "IDA0H120")
    assert (str(row["repaid_usd"]), row["guarantor_code"]) == ("5.00", None)


def test_dust_is_rounded_negatives_stay_and_na_is_namibia(home: Path, write: Write) -> None:
    text = OLD + "\n"
    text += _line("IBRD00001", country="NA", due="-0.000000000931")
    text += _line("IBRD00002", country="3E", due="-100507431.09", adjustment="0.0000000149")
    rows = _rows(_land(write("a.csv", text), home))
    assert [row["borrower_code"] for row in rows] == ["NAM", "X3E"]
    assert [str(row["due_usd"]) for row in rows] == ["0.00", "-100507431.09"]
    assert str(rows[1]["exchange_adjustment_usd"]) == "0.00"


def test_unknown_countries_and_impossible_dates_are_quarantined(home: Path, write: Write) -> None:
    text = OLD + "\n" + _line("IBRD00001") + _line("IBRD00002", country="QQ")
    text += _line("IBRD00003", day="02/30/2020 12:00:00 AM") + _line("LOAN1")
    landed = _land(write("a.csv", text), home)
    m = landed.manifest
    assert (m.rows_read, m.rows_landed, m.rows_quarantined) == (4, 1, 3)
    rules = pq.read_table(landed.quarantine)["rule"].to_pylist()
    assert sorted(rules) == ["not_date", "pattern", "unknown_loan_parties_statement"]


def test_a_renamed_amount_is_drift(home: Path, write: Write) -> None:
    with pytest.raises(SchemaDrift, match="misses the column Disbursed Amount"):
        _land(write("a.csv", OLD.replace("Disbursed Amount,R", "Drawn Amount,R") + "\n"), home)


def test_the_shipped_statements_hold_the_27_loans_of_belarus(home: Path) -> None:
    for path in sorted((SAMPLES / DATASET).glob("*.csv")):
        rows = _rows(_land(path, home / path.name))
        assert len(rows) == 27
        assert {row["borrower_code"] for row in rows} == {"BLR"}
