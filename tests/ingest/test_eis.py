"""EIS: both laws and all layouts in one row a document; files are SYNTHETIC, layouts real."""
# ruff: noqa: RUF001  # Cyrillic names are meant

import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.contract import load_contract
from ingest.errors import SourceRefused
from ingest.sources import open_source
from tests.conftest import synthetic
from tests.documents import read

NOTICES, PROTOCOLS, CONTRACTS, EXECUTIONS = (
    f"procurement_eis_{what}" for what in ("notices", "protocols", "contracts", "executions")
)


def test_notices_of_three_layouts_become_rows_of_one() -> None:
    rows = {row["document_id"]: row for row in read(NOTICES)}
    assert [
        (
            row["document_kind"],
            row["schema_version"],
            row["document_version"],
            row["purchase_number"],
        )
        for row in rows.values()
    ] == [
        ("purchaseNoticeData", "9.3", 1, "39900000001"),
        ("purchaseNoticeData", "9.3", 1, "39900000002"),
        ("fcsNotificationEF", "1.0", None, "0999900000114000001"),
        ("fcsNotificationEF", "1.0", 1, "0999900000114000001"),
        ("epNotificationEF2020", "16.2", 1, "0999900000126000002"),
    ]
    newest = rows["90000003"]
    assert (newest["buyer_inn"], newest["method_code"]) == ("9909000002", "EAP20")
    assert newest["published_at"].isoformat() == "2026-02-10T06:30:00.500000"
    (lot,) = newest["lots"]
    assert (lot["max_price"], lot["currency_code"]) == (Decimal("900000.5000"), "RUB")
    assert lot["is_quantity_undefined"] is True
    assert lot["customers"][0]["plan_okpd2_code"] == "33.12"
    assert [(i["okpd2_code"], i["ktru_code"], i["quantity"]) for i in lot["items"]] == [
        ("33.12.22.000", None, None),
        ("28.41.40.120", "28.41.40.120-00000001", Decimal("3609.38008200000")),
    ]
    old, new = rows["9000001"]["lots"], rows["9000002"]["lots"]
    assert (old[0]["max_price"], new[0]["max_price"]) == (5_000_000, 5_100_000)
    assert old[0]["items"][0]["okpd_code"] == "34.10.41"
    two, none = (rows[f"00000000-0000-0000-0000-0000000000a{n}"]["lots"] for n in (1, 2))
    assert [[item["okpd2_code"] for item in lot["items"]] for lot in two] == [
        ["49.41.1"], ["28.30.2", "28"],
    ]  # fmt: skip
    assert two[0]["items"][0]["okved_code"] == "49.41"
    assert none == []


def test_bids_come_with_suppliers_from_home_and_abroad_and_without_names_of_persons() -> None:
    rows = {row["document_id"]: row for row in read(PROTOCOLS)}
    bids = [
        (b["bid_number"], b["price"], b["result_code"] or b["rating"], b["supplier_inn"] or
         b["supplier_foreign_id"], b["supplier_name"], b["supplier_country_oksm_code"])
        for row in rows.values() for lot in row["lots"] for b in lot["bids"]
    ]  # fmt: skip
    assert bids == [
        ("1", 2, "F", "199999999", "ООО Вымышленный Перевозчик", "112"),
        ("2", 450_000, "S", "9909000004", 'ООО "Вымышленные Перевозки"', None),
        ("3", 455_000, "N", "990900000512", None, None),
        ("1", 4_900_000, "1", "9909000006", 'ООО "Вымышленные Машины"', None),
        ("2", 4_950_000, "2", "990900000713", None, None),
        ("108", 99_550, "WIN_OFFER", "199999998", 'ОАО "Вымышленный Завод"', "112"),
    ]
    assert {row["purchase_number"] for row in rows.values()} == {
        "39900000001", "0999900000114000001", "0999900000126000002",
    }  # fmt: skip


def test_contracts_of_all_layouts_tell_price_supplier_and_country() -> None:
    rows = read(CONTRACTS)
    told = [
        (row["document_id"][-4:], row["purchase_number"], row["price"], row["price_rub"], row["currency_code"],
         [(s["inn"] or s["foreign_id"], s["supplier_name"], s["country_oksm_code"]) for s in row["suppliers"]])
        for row in rows
    ]  # fmt: skip
    machines, plant = 'ООО "Вымышленные Машины"', 'ОАО "Вымышленный Завод"'
    assert told == [
        ("00d1", "39900000001", 6_900_000, None, "RUB",
         [("990900000512", None, "643"), ("199999999", "ООО Вымышленный Перевозчик", "112")]),
        ("0001", "0999900000114000001", 4_900_000, None, "RUB", [("9909000006", machines, "643")]),
        ("0002", "0999900000114000001", 4_800_000, None, "RUB", [("9909000006", machines, "643")]),
        ("0003", "0999900000116000005", 100_000, 3_300_000, "BYN",
         [("199999998", plant, "112"), ("990900000713", None, None)]),
        ("0004", "0999900000126000002", 99_550, None, "RUB", [("9909000006", machines, None)]),
    ]  # fmt: skip
    assert rows[3]["items"][0]["origin_country_oksm_code"] == "112"
    assert [row["document_version"] for row in rows if row["contract_number"].endswith("0011")] == [
        0,
        1,
    ]


def test_executions_tell_what_was_paid() -> None:
    rows = {row["document_id"]: row for row in read(EXECUTIONS)}
    assert [p["paid"] for p in rows["93000002"]["payments"]] == [2_400_000, 2_400_000, None]
    assert [(rows[i]["is_final"], rows[i]["stage_code"]) for i in ("93000001", "93000002")] == [
        (False, "E"), (True, "EC"),
    ]  # fmt: skip
    of_223 = rows["00000000-0000-0000-0000-0000000000e1"]
    assert (of_223["total_paid"], of_223["is_final"], len(of_223["payments"])) == (
        6_900_000,
        True,
        1,
    )


def test_an_archive_of_a_day_is_read_whole_and_what_is_of_another_kind_is_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "notification_2019.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in synthetic(NOTICES):
            archive.write(file, file.name)
        archive.write(synthetic(CONTRACTS)[0], "contract.xml")
        archive.writestr("empty.xml", "")
    source = open_source(load_contract(NOTICES), path)
    assert sum(part().columns.num_rows for part in source.parts()) == source.records_read() == 5
    assert sorted(source.drift) == [
        "1 documents hold no record (contract/body)",
        "1 members of the archive are empty (0 bytes)",
    ]


@pytest.mark.parametrize("dataset", [NOTICES, PROTOCOLS, EXECUTIONS])
def test_a_document_of_another_kind_is_refused_by_its_kind(dataset: str) -> None:
    source = open_source(load_contract(dataset), synthetic(CONTRACTS)[0])
    with pytest.raises(SourceRefused, match=r"no record of this dataset: .*contract/body"):
        list(source.parts())
