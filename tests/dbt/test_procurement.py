"""Awards and bids of every procurement source in one mart: parts add up, and nothing crosses a border by its spelling."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import SAMPLES_FOLDER, needs_samples
from tests.dbt.conftest import Marts, built

MEXICO = SAMPLES_FOLDER / "procurement" / "ocds_real_publishers" / "mexico"


def test_parts_of_an_award_add_up_to_one(marts: Marts) -> None:
    awards = marts.ask_warehouse(
        "select source_dataset, award_key, round(sum(award_part), 6)::double "
        "from intermediate.int_awards_by_party group by all"
    )
    assert {source for source, _, _ in awards} >= {
        "procurement_eis_contracts",
        "procurement_ted_notices",
        "procurement_wb_contracts",
    }
    assert all(total == 1 for _, _, total in awards)


def test_a_contract_shared_by_two_countries_counts_for_each_by_its_part(marts: Marts) -> None:
    """6,900,000 roubles of one contract go to a Russian and a Belarusian supplier."""
    shared = marts.ask_warehouse(
        "select supplier_country_code, sum(award_part)::double, sum(value_original)::double "
        "from intermediate.int_awards_by_party where award_key = '59909000003150000010000' "
        "group by all order by all"
    )
    assert shared == [("BLR", 0.5, 3_450_000), ("RUS", 0.5, 3_450_000)]


def test_a_contract_takes_the_place_of_its_protocols_winner(marts: Marts) -> None:
    contracted = marts.ask_warehouse(
        "select distinct process_id from intermediate.int_bids_by_source where is_winner "
        "and process_id in (select tender_id from intermediate.int_awards_by_eis)"
    )
    assert contracted
    assert not marts.ask_warehouse(
        "select * from intermediate.int_awards_by_source "
        "where source_dataset = 'procurement_eis_protocols' "
        "and process_id in (select tender_id from intermediate.int_awards_by_eis)"
    )


def test_a_rate_of_two_roubles_is_a_winning_bid_without_a_value(marts: Marts) -> None:
    assert marts.ask_warehouse(
        "select is_winner, amount from intermediate.int_bids_by_source "
        "where process_id = '39900000001' and identifier = '199999999'"
    ) == [(True, None)]


def test_who_bids_and_wins_is_counted_once_in_a_process(marts: Marts) -> None:
    rows = marts.ask(
        "select sum(win_count) <= sum(award_count), min(single_bid_share), max(single_bid_share) "
        "from marts.mart_supplier_participation"
    )
    assert rows[0][0]
    assert 0 <= rows[0][1] <= rows[0][2] <= 1
    (total,) = marts.ask("select sum(award_count) from marts.mart_sector_procurement")
    (named,) = marts.ask("select sum(award_count) from marts.mart_supplier_participation")
    assert Decimal(0) < named[0] <= total[0]


@pytest.fixture(scope="module")
def mexico(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """Marts of every release and record of the Mexican registers at hand, in one file."""
    texts = [path.read_bytes() for path in sorted(Path(MEXICO).rglob("*.json"))]
    told = [t for t in texts if b'"ocid"' in t and (b'"awards"' in t or b'"tender"' in t)]
    assert len(told) > 80
    files = (("procurement_ocds_releases", "mexico.json", b"\n".join(told)),)
    return built(tmp_path_factory.mktemp("mexico"), files, "MEX-USA")


@needs_samples
def test_spellings_of_mexico_make_no_award_across_the_border(mexico: Marts) -> None:
    countries = mexico.ask(
        "select buyer_country_code, supplier_country_code, sum(award_count)::int "
        "from marts.mart_sector_procurement group by all"
    )
    assert ("MEX", "MEX") in {(buyer, supplier) for buyer, supplier, _ in countries}
    assert {code for row in countries for code in row[:2]} <= {"MEX", "unknown"}
    assert sum(count for _, _, count in countries) >= 30
