"""What mart_trade_mirror says of two reports of the same goods, and of one alone."""

from decimal import Decimal
from typing import Any

from tests.dbt.conftest import Marts


def mirror(marts: Marts, exporter: str, importer: str, year: str) -> dict[str, tuple[Any, ...]]:
    """Per sector: both values, gap, asymmetry, confidence, coverage, best value and its side."""
    rows = marts.ask(
        "select sector_id, exporter_value_usd, importer_value_usd, mirror_gap, asymmetry, "
        "confidence, coverage, best_value_usd, best_value_side from marts.mart_trade_mirror "
        f"where exporter_code = '{exporter}' and importer_code = '{importer}' and period = '{year}'"
    )
    assert rows, (exporter, importer, year)
    return {row[0]: row[1:] for row in rows}


def test_two_reports_that_agree_have_no_gap_and_high_confidence(marts: Marts) -> None:
    """75.00 exported, 66.00 + 16.50 imported with freight: 82.50 / 1.10 = 75.00."""
    sides = mirror(marts, "BLR", "RUS", "2019")["automotive_vehicles"]
    assert sides == (
        Decimal("75.00"), Decimal("82.50"), Decimal("0.000000"), Decimal("0.047619"),
        "high", "both sides", Decimal("75.00"), "exporter",
    )  # fmt: skip


def test_a_gap_is_the_logarithm_and_the_asymmetry_is_of_values_as_reported(marts: Marts) -> None:
    """ln((121 / 1.10) / 100) = ln 1.1 and (121 - 100) / (121 + 100) = 21 / 221."""
    sides = mirror(marts, "BLR", "RUS", "2019")["agri_machinery"]
    assert sides[2:5] == (Decimal("0.095310"), Decimal("0.095023"), "high")


def test_imports_valued_free_on_board_are_not_divided(marts: Marts) -> None:
    sides = mirror(marts, "BLR", "CAN", "2019")["agri_machinery"]
    assert sides[2:4] == (Decimal("0.000000"), Decimal("0.000000"))


def test_what_only_one_side_knows_is_mirror_only(marts: Marts) -> None:
    """The confidential 40.00 of the importer: the exporter's record, taken whole, has its own view."""
    sides = mirror(marts, "BLR", "RUS", "2019")["unallocated"]
    assert sides == (
        None, Decimal("40.00"), None, None, "low", "mirror only", None, "exporter",
    )  # fmt: skip


def test_when_a_reporter_stops_its_partner_stands_in(marts: Marts) -> None:
    """Russia reports one month of 2022 and nothing of 2023; Germany 110 and 220 with freight."""
    stopping = mirror(marts, "RUS", "DEU", "2022")["automotive_vehicles"]
    assert stopping[0:2] == (Decimal("9.00"), Decimal("110.00"))
    assert stopping[4:] == ("low", "both sides", Decimal("100.00"), "importer")
    stopped = mirror(marts, "RUS", "DEU", "2023")["automotive_vehicles"]
    assert stopped == (
        None, Decimal("220.00"), None, None, "low", "mirror only", Decimal("200.00"), "importer",
    )  # fmt: skip
    assert marts.ask(
        "select exporter_source_dataset, exporter_month_count, importer_source_dataset, "
        "importer_month_count from marts.mart_trade_mirror "
        "where exporter_code = 'RUS' and importer_code = 'DEU' order by period"
    ) == [
        ("customs_fcs_flows", 1, "customs_comtrade_flows", 12),
        (None, 0, "customs_comtrade_flows", 12),
    ]  # fmt: skip


def test_cooperation_takes_the_same_record_and_says_so(marts: Marts) -> None:
    assert marts.ask(
        "select period, exports_second_to_first_usd, exports_second_to_first_coverage "
        "from marts.mart_sector_cooperation where pair_id = 'DEU-RUS' "
        "and sector_id = 'automotive_vehicles' and period in ('2022', '2023') order by 1"
    ) == [("2022", Decimal("100.00"), "mirror"), ("2023", Decimal("200.00"), "mirror only")]


def test_a_total_never_stands_beside_the_products_of_the_other_side(marts: Marts) -> None:
    beside = mirror(marts, "KAZ", "RUS", "2019")
    assert {sector: row[0:2] for sector, row in beside.items()} == {
        "agri_machinery": (Decimal("30.00"), None)
    }
    alone = mirror(marts, "KAZ", "RUS", "2021")
    assert alone["unallocated"][1] == Decimal("1100.00")
    assert alone["unallocated"][6:] == (Decimal("1000.00"), "importer")
