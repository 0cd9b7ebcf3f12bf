"""What mart_sector_trade holds of files that a naive sum would count twice, or lose."""

import csv
from decimal import Decimal
from typing import Any

import pytest

from ingest.lookups import LOOKUPS_DIR
from tests.conftest import needs_samples
from tests.dbt.conftest import Marts


def figures(marts: Marts, where: str) -> dict[tuple[str, ...], Decimal]:
    """Values in the currency of publication by sector."""
    found = marts.ask(
        "select sector_id, sum(value_original) from marts.mart_sector_trade "
        f"where {where} group by sector_id order by sector_id"
    )
    assert found, f"no row where {where}"
    return dict(found)


def test_levels_that_stand_side_by_side_are_counted_once(marts: Marts) -> None:
    assert figures(marts, "reporter_code = 'CHN' and partner_code = 'RUS' and flow_code = 'X'") == {
        "microelectronics": Decimal(1000)
    }


@needs_samples
def test_china_bought_of_russia_what_each_level_says_and_not_four_times_that(marts: Marts) -> None:
    levels = marts.ask_warehouse(
        "select commodity_level, count(*), sum(value_usd)::bigint from staging.stg_comtrade__flows "
        "where reporter_code = 'CHN' and partner_code = 'RUS' and flow_code = 'M' group by 1 order by 1"
    )
    assert [level for level, *_ in levels] == [0, 2, 4, 6]
    assert {value for *_, value in levels} == {61_190_631_855}
    once = figures(marts, "reporter_code = 'CHN' and partner_code = 'RUS' and flow_code = 'M'")
    assert sum(once.values()) == pytest.approx(Decimal(61_190_631_855), abs=1)
    assert once["microelectronics"] > 0


def test_what_a_level_lacks_stays_with_the_coarser_one(marts: Marts) -> None:
    assert figures(marts, "reporter_code = 'CHN' and partner_code = 'BLR'") == {
        "microelectronics": Decimal(300),
        "unallocated": Decimal(700),
    }
    kept = marts.ask_warehouse(
        "select commodity_code, value_original::int, is_remainder "
        "from intermediate.int_trade_flows_by_source "
        "where reporter_code = 'CHN' and partner_code = 'BLR' order by 1"
    )
    assert kept == [("8542", 100, True), ("854231", 200, False), ("TOTAL", 700, True)]


def test_a_heading_alone_is_a_figure_of_its_own(marts: Marts) -> None:
    assert figures(marts, "reporter_code = 'CHN' and partner_code = 'KAZ'") == {
        "microelectronics": Decimal(50)
    }


def test_the_world_and_goods_that_come_back_are_in_no_sum(marts: Marts) -> None:
    staged = marts.ask_warehouse(
        "select count(*) from staging.stg_comtrade__flows "
        "where partner_code = 'WLD' or partner_code = reporter_code"
    )
    assert staged == [(2,)]
    partners = marts.ask(
        "select distinct partner_code from marts.mart_sector_trade where reporter_code = 'CHN'"
    )
    assert sorted(partners) == [("BLR",), ("KAZ",), ("RUS",), ("_X",)]


def test_a_breakdown_beside_its_total_is_not_added_to_it(marts: Marts) -> None:
    rows = marts.ask_warehouse(
        "select commodity_code, value_original::int, is_added_up "
        "from intermediate.int_trade_flows_by_source "
        "where reporter_code = 'BLR' and partner_code = 'RUS' and flow_code = 'X' "
        "and source_dataset = 'customs_comtrade_flows' order by 1"
    )
    assert rows == [("870191", 100, False), ("870323", 60, False), ("870421", 15, True)]


def test_of_two_vintages_the_newest_counts_and_each_is_read_by_its_own_year(marts: Marts) -> None:
    assert figures(marts, "reporter_code = 'KAZ' and partner_code = 'RUS'") == {
        "agri_machinery": Decimal(30)
    }
    assert figures(marts, "reporter_code = 'KAZ' and partner_code = 'BLR' and period = '2018'") == {
        "agri_machinery": Decimal(7)
    }


def test_a_year_and_its_months_stand_apart_and_are_never_added(marts: Marts) -> None:
    by_frequency = marts.ask(
        "select frequency, count(*), sum(value_usd)::int from marts.mart_sector_trade "
        "where reporter_code = 'DEU' and partner_code = 'BLR' group by 1 order by 1"
    )
    assert by_frequency == [("A", 1, 120), ("M", 12, 120)]
    assert marts.ask(
        "select exporter_value_usd::int, exporter_month_count from marts.mart_trade_mirror "
        "where exporter_code = 'DEU' and importer_code = 'BLR'"
    ) == [(120, 12)]


def test_quarters_and_a_second_valuation_are_not_added_either(marts: Marts) -> None:
    assert marts.ask(
        "select frequency, count(*), sum(value_usd)::int from marts.mart_sector_trade "
        "where reporter_code = 'RUS' and partner_code = 'KAZ' and period >= '2021' group by 1 order by 1"
    ) == [("A", 1, 1100), ("Q", 4, 1100)]


def test_confidential_codes_keep_their_value_and_have_no_sector(marts: Marts) -> None:
    kept = marts.ask_warehouse(
        "select value_usd::int, net_weight_kg from staging.stg_fcs__flows "
        "where commodity_code = 'XXXXXXXXXX'"
    )
    assert kept == [(40, None)]
    imports = marts.ask(
        "select sector_id, sum(value_usd), min(crosswalk_mass)::int "
        "from marts.mart_sector_trade where reporter_code = 'RUS' and partner_code = 'BLR' "
        "group by 1 order by 1"
    )
    assert imports == [
        ("agri_machinery", Decimal("121.00"), 1),
        ("automotive_vehicles", Decimal("82.50"), 1),
        ("unallocated", Decimal("40.00"), 0),
    ]


def test_a_readable_prefix_decides_only_where_it_decides_alone(marts: Marts) -> None:
    """39XXXXXX holds none of our sectors, 87XXXXXX may hold any; TOTAL is their sum, not a part."""
    assert figures(marts, "reporter_code = 'DEU' and partner_code = 'RUS' and flow_code = 'X'") == {
        "automotive_vehicles": Decimal(12 * 800),
        "other": Decimal(12 * 20),
        "unallocated": Decimal(12 * 30),
    }


@pytest.mark.parametrize(
    ("where", "source"),
    [
        # both hold all twelve months: the national publisher comes before the United Nations
        ("reporter_code = 'RUS' and partner_code = 'BLR'", "customs_fcs_flows"),
        # the bulk file has every product, the data browser the one that was asked for
        ("reporter_code = 'DEU' and partner_code = 'RUS' and flow_code = 'X'",
         "customs_comext_flows"),
    ],
)  # fmt: skip
def test_each_flow_of_a_year_has_one_source(marts: Marts, where: str, source: str) -> None:
    offered = marts.ask_warehouse(
        f"select count(distinct source_dataset) from intermediate.int_trade_sources_by_year where {where}"
    )
    assert offered == [(2,)]
    assert marts.ask(
        f"select distinct source_dataset from marts.mart_sector_trade where {where}"
    ) == [(source,)]
    twice: list[tuple[Any, ...]] = marts.ask(
        "select reporter_code, partner_code, flow_code, left(period, 4) "
        "from marts.mart_sector_trade group by all having count(distinct source_dataset) > 1"
    )
    assert twice == []


def test_reconciled_data_stand_where_nobody_reports_and_are_no_report(marts: Marts) -> None:
    assert marts.ask(
        "select reporter_code, partner_code, sector_id, value_usd::int, valuation_code "
        "from marts.mart_sector_trade where source_dataset = 'customs_baci_flows' order by period"
    ) == [
        ("KAZ", "BLR", "agri_machinery", 4000, "FOB"),
        ("RUS", "KAZ", "agri_machinery", 2000, "FOB"),
    ]
    assert marts.ask(
        "select count(*) from marts.mart_trade_mirror "
        "where exporter_code = 'KAZ' and importer_code = 'BLR' and period = '2019'"
    ) == [(0,)]
    assert marts.ask(
        "select sector_id, best_value_usd::int, exporter_source_dataset "
        "from marts.mart_trade_mirror where exporter_code = 'RUS' and importer_code = 'KAZ'"
    ) == [("unallocated", 3000, "customs_imf_totals")]


def test_every_code_of_a_lookup_is_in_the_countries(marts: Marts) -> None:
    known = {code for (code,) in marts.ask("select country_code from marts.dim_countries")}
    codes = set()
    for path in LOOKUPS_DIR.glob("countries*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            codes |= {entry["code"] for entry in csv.DictReader(lines)}
    assert len(codes) > 50
    assert codes - known == set()
