"""What the intermediate models make of procurement documents: versions, stages, parties, winners."""

from tests.dbt.conftest import Marts
from tests.personal_data import everything_in, planted_in


def test_the_last_version_of_a_notice_stands_for_its_purchase(marts: Marts) -> None:
    assert marts.ask_warehouse(
        "select tender_id, regime, document_version, buyer_scheme from intermediate.int_tenders_by_eis order by 1"
    ) == [
        ("0999900000114000001", "44-FZ", 1, "RU-44FZ"),
        ("0999900000126000002", "44-FZ", 1, "RU-INN"),
        ("39900000001", "223-FZ", 1, "RU-INN"),
        ("39900000002", "223-FZ", 1, "RU-INN"),
    ]
    assert marts.ask_warehouse(
        "select tender_id, lot_position, ceiling_amount::double, is_quantity_undefined "
        "from intermediate.int_lots_by_eis order by 1, 2"
    ) == [
        ("0999900000114000001", 1, 5_100_000, False),
        ("0999900000126000002", 1, 900_000.5, True),
        ("39900000001", 1, 500_000, False),
        ("39900000001", 2, 7_000_000, False),
    ]


def test_items_go_by_the_newest_classification_that_they_have(marts: Marts) -> None:
    assert marts.ask_warehouse(
        "select scheme, code, is_unit_rate from intermediate.int_items_by_eis "
        "order by tender_id, lot_position, item_position"
    ) == [
        ("OKPD", "34.10.41", False),
        ("OKPD2", "33.12.22.000", True),
        ("OKPD2", "28.41.40.120", True),
        ("OKPD2", "49.41.1", False),
        ("OKPD2", "28.30.2", False),
        ("OKPD2", "28", False),
    ]


def test_a_winning_bid_of_two_roubles_is_a_rate_and_no_value(marts: Marts) -> None:
    found = marts.ask_warehouse(
        "select bid_number, scheme, identifier, country_code, is_winner, is_admitted, is_unit_rate, is_person, "
        "supplier_name is null from intermediate.int_bids_by_eis where tender_id = '39900000001' order by 1"
    )
    assert found == [
        ("1", "BY-UNP", "199999999", "BLR", True, True, True, False, False),
        ("2", "RU-INN", "9909000004", None, False, True, False, False, False),
        ("3", "RU-INN", "990900000512", None, False, False, False, True, True),
    ]
    assert marts.ask_warehouse(
        "select identifier, is_winner from intermediate.int_bids_by_eis where tender_id like '09%' order by 1"
    ) == [("199999998", True), ("9909000006", True), ("990900000713", False)]


def test_a_contract_counts_once_with_its_last_price_and_all_its_suppliers(marts: Marts) -> None:
    assert marts.ask_warehouse(
        "select award_id, amount::double, currency_code, amount_rub::double, is_unit_rate, supplier_count "
        "from intermediate.int_awards_by_eis order by 1"
    ) == [
        ("0999900000114000011", 4_800_000, "RUB", None, False, 1),
        ("2990900000216000001", 100_000, "BYN", 3_300_000, False, 2),
        ("2990900000222000002", 99_550, "RUB", None, False, 1),
        ("59909000003150000010000", 6_900_000, "RUB", None, False, 2),
    ]
    assert marts.ask_warehouse(
        "select scheme, identifier, country_code, is_person from intermediate.int_suppliers_by_eis "
        "order by award_id, supplier_position"
    ) == [
        ("RU-INN", "9909000006", "RUS", False),
        ("BY-UNP", "199999998", "BLR", False),
        ("RU-INN", "990900000713", None, True),
        ("RU-INN", "9909000006", None, False),
        ("RU-INN", "990900000512", "RUS", True),
        ("BY-UNP", "199999999", "BLR", False),
    ]
    assert marts.ask_warehouse(
        "select award_id, sum(amount)::double from intermediate.int_payments_by_eis group by 1 order by 1"
    ) == [("0999900000114000011", 4_800_000), ("59909000003150000010000", 6_900_000)]


def test_the_winner_of_an_eforms_notice_is_found_through_its_contract(marts: Marts) -> None:
    assert marts.ask_warehouse(
        "select bid_id, is_winner, amount::double, award_date::varchar from intermediate.int_bids_by_ted order by 1"
    ) == [
        ("TEN-0001", True, 3_000_000, "2024-05-02"),
        ("TEN-0002", False, 3_200_000, "2024-05-08"),
    ]
    assert marts.ask_warehouse(
        "select awards.buyer_country_code, suppliers.country_code, suppliers.supplier_name "
        "from intermediate.int_awards_by_ted as awards inner join intermediate.int_suppliers_by_ted as suppliers "
        "on awards.award_id = suppliers.bid_key order by 3"
    ) == [("DEU", "NOR", "Invented Machines AS"), ("DEU", "SWE", "Invented Wheels AB")]


def test_the_newest_extract_of_the_world_bank_counts(marts: Marts) -> None:
    assert marts.ask_warehouse(
        "select buyer_country_code, country_code, supplier_amount_usd::double from intermediate.int_awards_by_wb order by 3"
    ) == [("UZB", "UZB", 250_000.25), ("UZB", "BLR", 750_000)]


def test_nothing_of_a_person_reaches_what_is_published(marts: Marts) -> None:
    said = list(everything_in(marts.home))
    assert any(where.startswith("published/versions") for where, _ in said)
    assert {(where, *planted_in(text)) for where, text in said if planted_in(text)} == set()
