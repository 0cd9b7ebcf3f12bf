"""What a later load of a slice restates, in rows and in amounts."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.contract import Contract
from tests.support import judged, land, rows, toy
from warehouse.commit import commit_pending
from warehouse.database import open_warehouse
from warehouse.ledger import cause
from warehouse.revisions import note_revisions
from warehouse.rewind import copy_warehouse, rewind

Write = Callable[[str, str | bytes], Path]
FIRST = ("Belarus,2021-01,8703,1,", "Belarus,2021-01,8704,2,", "Russia,2021-01,8703,5,")
SECOND = ("Belarus,2021-01,8703,9,", "Belarus,2021-01,8708,4,", "Russia,2021-01,8703,5,")


def _load(home: Path, write: Write, contract: Contract, *entries: str) -> str:
    landed = judged(land(contract, write("a.csv", rows(*entries)), home))
    with open_warehouse(home) as connection:
        commit_pending(connection, home, lambda _: contract)
    return landed.manifest.load_id


def _told(home: Path, contract: Contract) -> list[tuple[object, ...]]:
    with open_warehouse(home) as connection:
        note_revisions(connection, [contract])
        return connection.execute(
            "select slice ->> '$.reporter_code', load_id, rows_before, rows_after, rows_added, "
            "rows_removed, rows_changed, value_before, value_after from ledger.revisions "
            "order by decision_no"
        ).fetchall()


@pytest.mark.parametrize("has_key", [True, False])
def test_rows_are_held_against_each_other_by_the_key(
    home: Path, write: Write, tmp_path: Path, has_key: bool
) -> None:
    without = {"key": [], "repeats": "legitimate"}
    contract = toy(tmp_path / "contracts", **({} if has_key else without))
    _load(home, write, contract, *FIRST)
    assert _told(home, contract) == []  # nothing was known before
    second = _load(home, write, contract, *SECOND)
    # 8703 says 9 for 1, 8704 is gone, 8708 is new; the slice of Russia is the same
    rows_told = (1, 1, 1) if has_key else (2, 2, 0)
    expected = ("BLR", second, 2, 2, *rows_told, Decimal(3), Decimal(13))
    assert _told(home, contract) == [expected]
    assert _told(home, contract) == [expected]  # measured once
    third = _load(home, write, contract, *FIRST)
    told = _told(home, contract)
    assert [entry[1] for entry in told] == [second, third]
    assert told[1][-2:] == (Decimal(13), Decimal(3))


def test_a_copy_taken_back_knows_what_was_known_then(
    home: Path, write: Write, tmp_path: Path
) -> None:
    contract = toy(tmp_path / "contracts")
    first = _load(home, write, contract, *FIRST)
    before = cause("", "").at
    _load(home, write, contract, *SECOND)
    assert len(_told(home, contract)) == 1
    copy_warehouse(home, tmp_path / "copy")
    with open_warehouse(tmp_path / "copy") as connection:
        known = connection.execute(
            "select max(decision_no) from ledger.decisions where decided_at <= ?", [before]
        ).fetchone()
        assert known == (2,)
        assert rewind(connection, 2) == 2
        assert connection.execute("select load_id from ledger.loads").fetchall() == [(first,)]
        seen = connection.execute("select sum(value_usd)::int from accepted.toy_flows").fetchall()
        assert seen == [(8,)]
        assert connection.execute("select count(*) from accepted.revisions").fetchall() == [(0,)]
    assert len(_told(home, contract)) == 1  # the warehouse itself stays as it is
