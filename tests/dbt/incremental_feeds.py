"""Small random files of every kind that builds keep up. Every figure and party in here is SYNTHETIC."""

import csv
import io
import json
import random
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from tests.comtrade import answer, record
from tests.conftest import SAMPLES

# A dataset, and the text of a file of it; a feed may bring several that belong together.
Files = list[tuple[str, str]]
COUNTRIES = (112, 643, 276, 398)
PERIODS = ("2018", "2019", "2020", "201903", "201904")  # years, and months beside one of them
CODES = ("TOTAL", "87", "8703", "870323", "843351", "8542", "854231", "845811", "999999")
NAMES = ("Belarus", "Kazakhstan", "Armenia")
# Two statements of one month, and months between which others may come or go.
STATEMENTS = ("2020-03-31", "2020-06-15", "2020-06-30", "2020-11-30", "2021-05-31", "2022-01-31")
SUPPLIERS = (
    {"name": "Zavod A", "identifier": {"scheme": "RU-INN", "id": "7700000001"}},
    {"name": "Zavod A", "address": {"countryName": "Russia"}},
    {"name": "Zavod B", "address": {"countryName": "Belarus"}},
    {"name": "Zavod C", "identifier": {"scheme": "BY-UNP", "id": "190000001"}},
)


def comtrade(dice: random.Random, period: str | None = None) -> Files:
    """Some flows of one reporter and period, sometimes a revision of what is there."""
    reporter, period = dice.choice(COUNTRIES), period or dice.choice(PERIODS)
    partners = [c for c in COUNTRIES if c != reporter]
    records = [
        record(
            reporter=reporter, partner=partner, code=code, period=period, flow=flow,
            value=dice.randrange(1, 10_000), classificationCode=dice.choice(("H4", "H5")),
        )
        for partner in dice.sample(partners, dice.randrange(1, 4))
        for flow in ("X", "M")
        for code in dice.sample(CODES, dice.randrange(1, 6))
    ]  # fmt: skip
    refused = [_refused(reporter, period) for _ in range(len(records) % 3)]
    return [("customs_comtrade_flows", answer(*records, *refused))]


def both_ways() -> list[Files]:
    """What Belarus and Russia each say of their trade with the other in one year, a row of it refused."""
    return [
        [
            (
                "customs_comtrade_flows",
                answer(
                    *(
                        record(
                            reporter=one, partner=other, code=code, period="2016", flow=flow,
                            value=100 * at, classificationCode="H5",
                        )
                        for at, code in enumerate(("TOTAL", "8703", "8542"), start=1)
                        for flow in ("X", "M")
                    ),
                    _refused(one, "2016"),
                ),
            )
        ]
        for one, other in ((112, 643), (643, 112))
    ]  # fmt: skip


def _refused(reporter: int, period: str) -> dict[str, Any]:
    return record(reporter=reporter, partner=156, period=period, primaryValue="a lot")


def debt(dice: random.Random) -> Files:
    """What one borrower pays some creditors."""
    borrower = dice.choice(NAMES)
    lenders = dice.sample(["Russian Federation", "China", "Germany", "World Bank-IBRD"], 2)
    rows = [
        (borrower, lender, series, year, dice.randrange(1, 9_999))
        for lender in lenders
        for series in ("DT.AMT.BLAT.CD", "DT.INT.BLAT.CD", "DT.AMT.PCBK.CD", "DT.AMT.BLTC.CD")
        for year in dice.sample(range(2018, 2028), 3)
    ]
    if rows[0][4] % 3 == 0:
        rows.append((borrower, lenders[0], "DT.AMT.BLAT.CD", 2017, "n.a."))
    head = ("country", "counterpart_area", "series_code", "year", "value")
    return [("loans_ids_flows", _csv(head, rows))]


def statement(dice: random.Random) -> Files:
    """A statement of the World Bank on some of a few loans."""
    path = SAMPLES / "loans_worldbank_statements" / "statement_2020-11-30.csv"
    (template, *_) = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    as_of = date.fromisoformat(dice.choice(STATEMENTS))
    rows = []
    for number in dice.sample(range(1, 7), dice.randrange(2, 6)):
        original, cancelled = 1000 * number, dice.randrange(0, 100)
        drawn = dice.randrange(0, original - cancelled)
        paid = dice.randrange(0, drawn + 1)
        rows.append(
            template
            | {
                "End of Period": _stamp(as_of),
                "Loan Number": f"IBRD9{number:04}",
                "Original Principal Amount": original,
                "Cancelled Amount": cancelled,
                "Undisbursed Amount": original - cancelled - drawn,
                "Disbursed Amount": drawn,
                "Repaid to IBRD": paid,
                "Due to IBRD": drawn - paid,
                "Board Approval Date": _stamp(date(2020, number, 1)),
            }
        )
    return [("loans_worldbank_statements", _csv(rows[0], [row.values() for row in rows]))]


def register(dice: random.Random) -> Files:
    """Lines of a register at one date, in currencies that are converted."""
    lender, borrower = dice.choice(("Russian Federation", "China")), dice.choice(NAMES[:2])
    as_of = dice.choice(("2020-12-31", "2021-03-31", "2021-03-15", "2021-09-30"))
    rows = [
        (f"line {n}", lender, borrower, as_of, "tools" if n else "", dice.choice(("RUB", "EUR")),
         10_000, dice.randrange(0, 9_000), dice.choice(("Integral", "")), "SYNTHETIC")
        for n in range(dice.randrange(1, 4))
    ]  # fmt: skip
    head = ("line", "lender", "borrower", "date", "sector", "currency", "committed", "disbursed",
            "enterprise", "source")  # fmt: skip
    return [("loans_register", _csv(head, rows))]


def rates(dice: random.Random) -> Files:
    """A month of daily rates: what is converted in that month has another value then."""
    first = date(2021, dice.choice((3, 9)), 1)
    days = [first + timedelta(days=n) for n in range(30)]
    rows = [(day.isoformat(), f"1.{dice.randrange(1, 9)}", dice.randrange(70, 90)) for day in days]
    return [("reference_rates_ecb", _csv(("Date", "USD", "RUB"), rows))]


def releases(dice: random.Random) -> Files:
    """Releases of some processes, of which some are told of before."""
    lines = []
    for ocid in dice.sample(range(1, 7), dice.randrange(1, 4)):
        award = {
            "id": "1",
            "status": "active",
            "date": f"2021-{dice.choice((3, 9)):02}-15T00:00:00Z",
            "value": {"amount": dice.randrange(100, 9_000), "currency": "EUR"},
            "suppliers": [{"id": "s", **dice.choice(SUPPLIERS)}],
        }
        item = {
            "id": "1",
            "classification": {"scheme": "CPV", "id": dice.choice(("34100000", "42600000"))},
        }
        lines.append(
            {
                "ocid": f"ocds-x-{ocid}",
                "id": f"r{dice.randrange(1, 10_000)}",
                "date": f"2021-{dice.randrange(1, 12):02}-01T00:00:00Z",
                "tag": ["award"],
                "initiationType": "tender",
                "buyer": {
                    "name": "Town",
                    "address": {"countryName": dice.choice(("Belarus", "Russia"))},
                },
                "tender": {"id": "t", "procurementMethod": "open", "items": [item]},
                "awards": [award],
            }
        )
    return [("procurement_ocds_releases", "\n".join(map(json.dumps, lines)) + "\n")]


def extract(dice: random.Random) -> Files:
    """The three parts of a snapshot of purchases; the latest that is complete counts."""
    snapshot = dice.choice(("2019-06-07", "2020-06-07"))
    lots = dice.sample(range(1, 9), 3)
    bids = [
        (snapshot, f"lot-{lot}", f"77000000{10 + bidder}", f"bidder {bidder}", "russia",
         "2019-02-03 10:00:00", dice.randrange(200, 9_000), "ft"[bidder == 1])
        for lot in lots
        for bidder in (1, 2)
    ]  # fmt: skip
    if bids[0][6] % 3 == 0:
        bids.append((*bids[0][:6], "n.a.", "f"))
    codes = ("29.10.2", "28.30.1", "26.11.3")
    return [
        (
            "procurement_eis_bids",
            _csv(
                ("snapshot_date", "lot_id", "supplier_number", "supplier_name", "supplier_country",
                 "bid_at", "price_rub", "is_winner"),
                bids,
            ),
        ),
        (
            "procurement_eis_lots",
            _csv(
                ("snapshot_date", "lot_id", "purchase_number", "ceiling_price_rub", "okpd2_code", "bid_count"),
                [(snapshot, f"lot-{n}", f"3160421978{n}", 10_000, dice.choice(codes), 2) for n in lots],
            ),
        ),
        (
            "procurement_eis_purchases",
            _csv(
                ("snapshot_date", "purchase_number", "buyer_inn", "buyer_name", "published_at", "method_name",
                 "lot_count"),
                [(snapshot, f"3160421978{n}", "7841312071", "buyer", "2019-01-13 09:05:45", "not defined", 1)
                 for n in lots],
            ),
        ),
    ]  # fmt: skip


FEEDS: tuple[Callable[[random.Random], Files], ...] = (
    comtrade, debt, statement, register, rates, releases, extract,
)  # fmt: skip


def _stamp(day: date) -> str:
    return f"{day:%m/%d/%Y} 12:00:00 AM"


def _csv(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
