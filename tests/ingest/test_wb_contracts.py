"""World Bank contract awards: two layouts of one dataset. Files are SYNTHETIC, headers real."""

from tests.conftest import synthetic
from tests.documents import read

DATASET = "procurement_wb_contracts"


def test_both_layouts_give_rows_of_one_shape_and_no_names_of_individuals() -> None:
    new, old = (read(DATASET, file) for file in synthetic(DATASET))
    assert [(r["as_of_date"].isoformat(), r["contract_number"], r["supplier_name"], r["supplier_country_wb_code"])
            for r in (*old, *new)] == [
        ("2019-06-30", "1000001", "INVENTED ROADS LTD", "RU"),
        ("2019-06-30", "1000001", "INVENTED BRIDGES", "BY"),
        ("2019-06-30", "1000002", None, "DE"),
        ("2025-07-31", "2000001", "INVENTED TRANSFORMERS", "BY"),
        ("2025-07-31", "2000001", "INVENTED CABLES", "UZ"),
    ]  # fmt: skip
    assert {r["borrower_country_name"] for r in (*old, *new)} == {"Belarus", "Uzbekistan"}
    assert [(r["contract_amount_usd"], r["supplier_amount_usd"]) for r in (old[0], new[0])] == [
        (1_500_000, None), (None, 750_000),
    ]  # fmt: skip
    assert {str(r["signed_date"]) for r in old} == {"2018-05-31", "2018-06-01"}
