"""The shipped extract of purchases under 223-FZ: what is known of it, read through its contracts."""

from decimal import Decimal

from tests.conftest import SAMPLES
from tests.documents import read

SUPPLIER = "191752972"  # of Belarus, a number of nine digits (UNP)


def test_the_extract_holds_what_is_known_of_it() -> None:
    purchases, lots, bids = (
        read(
            f"procurement_eis_{what}",
            SAMPLES / f"procurement_eis_{what}/procurement_eis_{what}.csv",
        )
        for what in ("purchases", "lots", "bids")
    )
    assert (len(purchases), len(lots), len(bids)) == (986, 728, 1103)
    made = [bid for bid in bids if bid["supplier_id"] == SUPPLIER]
    assert (len(made), sum(bid["is_winner"] for bid in made)) == (5, 2)
    assert {bid["supplier_country_code"] for bid in made} == {"BLR"}
    # rates per unit against ceilings of hundreds of thousands: no values
    assert {bid["price_rub"] for bid in made} <= {Decimal(1), Decimal(2)}
    of_lot = {lot["lot_id"]: lot for lot in lots}
    assert {of_lot[bid["lot_id"]]["okpd2_code"] for bid in made} == {"49.41.1"}
    assert min(of_lot[bid["lot_id"]]["ceiling_price_rub"] for bid in made) >= 1000
