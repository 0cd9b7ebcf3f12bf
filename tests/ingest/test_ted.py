"""TED: a notice is one row; winners hang together by identifiers. The file is SYNTHETIC."""

from decimal import Decimal

from tests.conftest import synthetic
from tests.documents import read

DATASET = "procurement_ted_notices"


def test_a_notice_keeps_its_lots_results_parties_and_their_countries() -> None:
    (row,) = read(DATASET, *synthetic(DATASET))
    assert (row["notice_type_code"], row["cpv_code"], row["total_amount"], row["total_currency_code"]) == (
        "can-standard", "34100000", Decimal("3100000.0000"), "EUR",
    )  # fmt: skip
    assert [(lot["lot_id"], lot["lot_kind"], lot["cpv_code"], lot["additional_cpv_codes"]) for lot in row["lots"]] == [
        ("LOT-0001", "Lot", "34130000", ["34300000"]), ("LOT-0002", "Lot", "34350000", []),
    ]  # fmt: skip
    assert [(r["lot_id"], r["result_code"], r["tender_ids"]) for r in row["lot_results"]] == [
        ("LOT-0001", "selec-w", ["TEN-0001"]), ("LOT-0002", "clos-nw", []),
    ]  # fmt: skip
    party = {
        p["tendering_party_id"]: [t["organisation_id"] for t in p["tenderers"]]
        for p in row["tendering_parties"]
    }
    assert party == {"TPA-0001": ["ORG-0002", "ORG-0003"], "TPA-0002": ["ORG-0004"]}
    assert {o["organisation_id"]: (o["organisation_name"], o["country_code_3"]) for o in row["organisations"]} == {
        "ORG-0001": ("Invented Ministry", "DEU"), "ORG-0002": ("Invented Machines AS", "NOR"),
        "ORG-0003": ("Invented Wheels AB", "SWE"), "ORG-0004": (None, "DEU"),
    }  # fmt: skip
    assert [(t["tender_id"], t["amount"], t["currency_code"]) for t in row["tenders"]] == [
        ("TEN-0001", 3_000_000, "EUR"), ("TEN-0002", 3_200_000, "EUR"),
    ]  # fmt: skip
    assert row["buyers"] == [{"organisation_id": "ORG-0001", "party_type_code": "cga"}]
