"""How many refused rows stand behind a slice, and which slices a replay reaches."""

from pathlib import Path

import duckdb

from warehouse import builds
from warehouse.database import open_warehouse

DATASET = "loans_register"


def _load(
    connection: duckdb.DuckDBPyConnection,
    load: str,
    landed: int,
    refused: int,
    of: str | None = None,
) -> None:
    connection.execute(
        "insert into ledger.loads (load_id, dataset, contract_identity, origin, source_sha256, source_bytes, "
        "rows_read, rows_landed, rows_quarantined, rows_duplicate, replay_of, drift, quarantine_fingerprint, "
        "landed_at, committed_at) values (?, ?, 'c', 'o', 's', 1, ?, ?, ?, 0, ?, [], 'q', now(), now())",
        [load, DATASET, landed + refused, landed, refused, of],
    )


def _decide(
    connection: duckdb.DuckDBPyConnection, number: int, load: str, period: str, decision: str
) -> None:
    connection.execute(
        "insert into ledger.units (unit_id, load_id, dataset, slice, scope, row_count, fingerprint, contract_identity) "
        "select ?, ?, ?, ?, '{}', 1, 'f', 'c' where ? not in (select unit_id from ledger.units)",
        [number, load, DATASET, f'{{"period": "{period}"}}', number],
    )
    connection.execute(
        "insert into ledger.decisions values (?, ?, ?, ?, ?, 'r', 'me', now())",
        [number, DATASET, load, number, decision],
    )


def _refused(connection: duckdb.DuckDBPyConnection, horizon: int) -> list[tuple[str, str, int]]:
    connection.execute("update ledger.pin set horizon = ?", [horizon])
    return connection.execute(
        "select slice ->> '$.period', load_id, row_count from accepted.refused_rows order by all"
    ).fetchall()


def test_refused_rows_of_a_load_stand_behind_its_slices_until_a_replay_mends_them(
    tmp_path: Path,
) -> None:
    with open_warehouse(tmp_path) as connection:
        _load(connection, "a", landed=10, refused=3)
        _load(connection, "b", landed=10, refused=0)
        _load(connection, "again", landed=2, refused=0, of="a")
        _decide(connection, 1, "a", "2020", "accepted")
        _decide(connection, 2, "a", "2021", "accepted")
        _decide(connection, 3, "b", "2022", "accepted")
        before = builds.begin(connection, "same inputs")
        builds.end(connection, before, succeeded=True)
        assert _refused(connection, 3) == [("2020", "a", 3), ("2021", "a", 3)]
        _decide(connection, 4, "again", "2021", "accepted")
        assert _refused(connection, 4) == [("2020", "a", 1), ("2021", "a", 1)]
        assert _refused(connection, 3) == [("2020", "a", 3), ("2021", "a", 3)]
        changed = builds.changed_slices(connection, "same inputs")
    assert changed == {DATASET: ('{"period": "2020"}', '{"period": "2021"}')}


def test_what_a_build_that_died_saw_is_brought_up_to_date_when_it_is_gone(tmp_path: Path) -> None:
    with open_warehouse(tmp_path) as connection:
        _load(connection, "a", landed=1, refused=0)
        _decide(connection, 1, "a", "2020", "accepted")
        builds.end(connection, builds.begin(connection, "same"), succeeded=True)
        _load(connection, "b", landed=1, refused=0)
        _decide(connection, 2, "b", "2021", "accepted")
        builds.begin(connection, "same")  # it never ends
        connection.execute(
            "insert into ledger.decisions values (3, ?, 'b', 2, 'withdrawn', 'r', 'me', now())",
            [DATASET],
        )
        assert builds.changed_slices(connection, "same") == {DATASET: ('{"period": "2021"}',)}
        assert builds.changed_slices(connection, "others") is None
