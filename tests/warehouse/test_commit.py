"""Committing: one transaction, append-only decisions, and the four ways of revision."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ingest.contract import Contract
from ingest.errors import SourceRefused
from ingest.landing import Landed
from tests.support import TOY, judged, land, rows, toy
from warehouse import side
from warehouse.commit import commit_pending
from warehouse.database import FILE, open_warehouse
from warehouse.errors import LockTimeout, SchemaTooNew
from warehouse.ledger import Decided
from warehouse.lock import writer_lock

Write = Callable[[str, str | bytes], Path]
A = ("Belarus,2021-01,8703,1,", "Belarus,2021-01,8704,2,", "Russia,2021-01,8703,5,")
B = ("Belarus,2021-01,8703,9,", "Russia,2021-01,8703,5,")


class Engine:
    """One contract and one home, with short words for what the tests do."""

    def __init__(self, home: Path, write: Write, contract: Contract) -> None:
        self.home, self.write, self.contract = home, write, contract

    def load(self, *entries: str, outcome: str = "passed", name: str = "a.csv") -> Landed:
        """Land and judge one file, and commit it."""
        landed = judged(land(self.contract, self.write(name, rows(*entries)), self.home), outcome)
        self.commit()
        return landed

    def commit(self) -> tuple[Decided, ...]:
        with self.open() as connection:
            return commit_pending(connection, self.home, lambda _: self.contract)

    def open(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return open_warehouse(self.home)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self.open() as connection:
            return connection.execute(query).fetchall()

    def visible(self, horizon: str = "1000000") -> list[tuple[Any, ...]]:
        """Reporter, code and value of every accepted row."""
        return self.ask(
            "select reporter_code, commodity_code, value_usd::int "
            f"from accepted.{self.contract.dataset}_as_of({horizon}) order by all"
        )

    def decisions(self) -> list[str]:
        return [
            row[0] for row in self.ask("select decision from ledger.decisions order by decision_no")
        ]


@pytest.fixture
def engine(home: Path, write: Write, tmp_path: Path) -> Engine:
    return Engine(home, write, toy(tmp_path / "contracts"))


def test_an_accepted_load_is_visible_and_a_rejected_one_never_enters_raw(engine: Engine) -> None:
    engine.load(*A)
    engine.load("Russia,2021-02,8703,7,", outcome="failed")
    assert engine.visible() == [("BLR", "8703", 1), ("BLR", "8704", 2), ("RUS", "8703", 5)]
    assert engine.ask("select count(*) from raw.toy_flows") == [(3,)]
    assert engine.decisions() == ["accepted", "accepted", "rejected"]


@pytest.mark.parametrize("beside_build", [True, False])
def test_a_build_keeps_the_memory_and_threads_that_it_counts_on(
    engine: Engine, beside_build: bool
) -> None:
    judged(land(engine.contract, engine.write("a.csv", rows(*A)), engine.home))
    with open_warehouse(engine.home, "333MiB") as connection:
        before = _room(connection)
        done = commit_pending(
            connection, engine.home, lambda _: engine.contract, beside_build=beside_build
        )
        assert len(done) == 1
        assert (_room(connection) == before) is beside_build


def _room(connection: duckdb.DuckDBPyConnection) -> tuple[Any, ...] | None:
    return connection.execute(
        "select current_setting('memory_limit'), current_setting('threads')"
    ).fetchone()


def test_an_errored_gate_is_no_pass(engine: Engine) -> None:
    engine.load(*A, outcome="errored")
    assert engine.visible() == []
    assert engine.decisions() == ["rejected"]


def test_the_view_shows_nothing_new_before_the_horizon_is_pinned(engine: Engine) -> None:
    engine.load(*A)
    assert engine.ask("select count(*) from accepted.toy_flows") == [(0,)]


def test_a_revision_replaces_its_slices_and_only_those(engine: Engine) -> None:
    engine.load(*A)
    engine.load(*B)
    assert engine.visible() == [("BLR", "8703", 9), ("RUS", "8703", 5)]
    assert engine.decisions() == ["accepted", "accepted", "superseded", "accepted"]


def test_what_was_known_before_a_revision_can_still_be_asked(engine: Engine) -> None:
    engine.load(*A)
    engine.load(*B)
    assert engine.visible("2") == [("BLR", "8703", 1), ("BLR", "8704", 2), ("RUS", "8703", 5)]


def test_the_same_load_again_stands_already_and_decides_nothing(engine: Engine) -> None:
    engine.load(*A)
    again = land(engine.contract, engine.write("b.csv", rows(*reversed(A))), engine.home)
    assert side.standing(engine.home, engine.contract, again) == "accepted"
    judged(again)
    assert engine.commit() == ()
    assert not again.folder.exists()
    assert engine.decisions() == ["accepted", "accepted"]


def test_a_b_a_ends_at_a(engine: Engine) -> None:
    for entries in (A, B, A):
        engine.load(*entries)
    assert engine.visible() == [("BLR", "8703", 1), ("BLR", "8704", 2), ("RUS", "8703", 5)]


def test_a_new_contract_version_evaluates_again(engine: Engine, tmp_path: Path) -> None:
    engine.load(*A)
    engine.contract = toy(tmp_path / "v2", version=2)
    engine.load(*A)
    assert engine.decisions()[-2:] == ["accepted", "accepted"]
    assert len(engine.visible()) == 3


def test_a_withdrawn_load_comes_back_only_by_an_explicit_accept(engine: Engine) -> None:
    load_id = engine.load(*A).manifest.load_id
    side.ask(engine.home, "withdraw", load_id, "wrong file", "me")
    engine.commit()
    assert engine.visible() == []
    again = land(engine.contract, engine.write("b.csv", rows(*A)), engine.home)
    assert side.standing(engine.home, engine.contract, again) == "withdrawn"
    judged(again)
    assert engine.commit() == ()
    assert engine.visible() == []
    side.ask(engine.home, "accept", load_id, "it was right", "me")
    engine.commit()
    assert len(engine.visible()) == 3
    assert engine.ask("select reason, decided_by from ledger.decisions order by decision_no desc limit 1") == [("it was right", "me")]  # fmt: skip


def test_a_rejected_load_can_be_overruled_and_an_older_one_put_back(engine: Engine) -> None:
    rejected = engine.load(*A, outcome="failed").manifest.load_id
    side.ask(engine.home, "accept", rejected, "the rule is wrong", "me")
    engine.commit()
    assert len(engine.visible()) == 3
    engine.load(*B)
    side.ask(engine.home, "accept", rejected, "B was wrong", "me")
    engine.commit()
    assert len(engine.visible()) == 3


def test_a_request_for_an_unknown_load_is_answered_with_an_error(engine: Engine) -> None:
    engine.load(*A)
    path = side.ask(engine.home, "withdraw", "nothing", "why", "me")
    engine.commit()
    answer = side.take_answer(path)
    assert answer is not None
    assert not answer["done"]
    assert "No load nothing" in answer["error"]


def test_events_are_appended_and_shown_once(home: Path, write: Write, tmp_path: Path) -> None:
    engine = Engine(
        home, write, toy(tmp_path / "c", revision={"kind": "event"}, repeats="legitimate", key=[])
    )
    engine.load(*A)
    engine.load(A[0], "Russia,2021-03,8703,8,")
    engine.load(*A)
    assert len(engine.visible()) == 4


def test_of_a_key_the_greatest_version_is_shown_not_the_last_to_arrive(
    home: Path, write: Write, tmp_path: Path
) -> None:
    engine = Engine(
        home, write, toy(tmp_path / "c", revision={"kind": "key", "version": "seen_date"})
    )
    engine.load("Russia,2021-01,8703,2,2021-03-01")
    engine.load("Russia,2021-01,8703,1,2021-02-01")
    assert engine.visible() == [("RUS", "8703", 2)]


def test_each_snapshot_stands(home: Path, write: Write, tmp_path: Path) -> None:
    contract = toy(tmp_path / "c", revision={"kind": "snapshot", "by": ["seen_date"]})
    engine = Engine(home, write, contract)
    engine.load("Russia,2021-01,8703,1,2021-02-01")
    engine.load("Russia,2021-01,8703,2,2021-03-01")
    assert engine.visible() == [("RUS", "8703", 1), ("RUS", "8703", 2)]


def test_refused_rows_enter_the_quarantine_with_the_load(engine: Engine) -> None:
    engine.load(*A, "Atlantis,2021-01,8703,1,")
    assert engine.ask("select row, rule, \"value\", source['code'] from quarantine.rows") == [
        (4, "unknown_countries", "Atlantis", "8703")
    ]


def test_a_damaged_load_is_rejected_and_holds_nobody_up(engine: Engine) -> None:
    engine.load(*A)
    landed = judged(land(engine.contract, engine.write("b.csv", rows(*B)), engine.home))
    landed.segments[0].write_bytes(b"not parquet")
    (decided,) = engine.commit()
    assert decided.decision == "rejected"
    assert "a segment cannot be read" in decided.reason
    assert len(engine.visible()) == 3
    engine.load(*B)
    assert engine.visible() == [("BLR", "8703", 9), ("RUS", "8703", 5)]


def test_the_counts_of_a_load_stand_in_the_side_store(engine: Engine) -> None:
    landed = engine.load(*A, A[0], "Atlantis,2021-01,8703,1,")
    entry = side.load(engine.home, landed.manifest.load_id)
    assert entry is not None
    assert (entry["rows_read"], entry["rows_landed"]) == (5, 3)
    assert (entry["rows_quarantined"], entry["rows_duplicate"]) == (1, 1)


def test_the_side_store_catches_up_after_a_kill(engine: Engine) -> None:
    landed = engine.load(*A)
    for path in (engine.home / "ops").rglob("*"):
        if path.is_file():
            path.unlink()
    engine.commit()
    assert side.load(engine.home, landed.manifest.load_id) is not None


def test_a_column_added_to_the_contract_widens_the_table_and_a_retyped_one_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    engine.load(*A)
    extra = {"name": "note", "constant": "x", "type": "text", "description": "Note."}
    engine.contract = toy(tmp_path / "v2", version=2, columns=[*TOY["columns"], extra])
    engine.load(*B)
    assert engine.ask("select distinct note from accepted.toy_flows_as_of(99)") == [("x",)]
    retyped = [{**c, "scale": 4} if c["name"] == "value_usd" else c for c in TOY["columns"]]
    engine.contract = toy(tmp_path / "v3", version=3, columns=retyped)
    refused = engine.load(*A)
    assert engine.decisions()[-1] == "rejected"
    entry = side.load(engine.home, refused.manifest.load_id)
    assert entry is not None
    assert "column value_usd is DECIMAL(18,2)" in entry["decisions"][-1]["reason"]


def test_the_view_follows_the_contract_where_only_its_kind_of_revision_changed(
    engine: Engine, tmp_path: Path
) -> None:
    engine.load(*A)
    engine.load(*B)
    kind = {"kind": "event", "by": TOY["revision"]["by"]}
    engine.contract = toy(tmp_path / "v2", version=2, revision=kind)
    engine.load(*B)
    assert engine.ask("select count(*) from raw.toy_flows where _unit_id > 3") == [(2,)]
    assert engine.visible() == [("BLR", "8703", 9), ("RUS", "8703", 5)]


def test_a_load_whose_rows_are_not_in_its_slices_is_rejected_and_holds_nobody_up(
    engine: Engine,
) -> None:
    more = rows(*A, "Russia,2021-02,8703,7,")
    lost = judged(land(engine.contract, engine.write("a.csv", more), engine.home))
    other = judged(land(engine.contract, engine.write("b.csv", rows(*B)), engine.home), "failed")
    pq.write_table(pq.read_table(lost.units).slice(0, 2), lost.units)
    assert [d.decision for d in engine.commit()] == ["rejected", "rejected"]
    assert engine.ask("select count(*) from ledger.units") == [(0,)]
    entry = side.load(engine.home, lost.manifest.load_id)
    assert entry is not None
    assert "do not hold all of its 4 rows" in entry["decisions"][-1]["reason"]
    assert side.load(engine.home, other.manifest.load_id) is not None


def test_a_commit_leaves_as_many_threads_as_it_found(engine: Engine) -> None:
    landed = judged(land(engine.contract, engine.write("a.csv", rows(*A)), engine.home))
    with engine.open() as connection:
        before = connection.execute("select current_setting('threads')").fetchone()
        done = commit_pending(connection, engine.home, lambda _: engine.contract)
        assert [d.load_id for d in done] == [landed.manifest.load_id]
        assert connection.execute("select current_setting('threads')").fetchone() == before


def test_a_warehouse_of_larger_blocks_is_written_as_it_is(engine: Engine) -> None:
    engine.home.mkdir(exist_ok=True)
    duckdb.connect(engine.home / FILE).close()
    engine.load(*A)
    assert len(engine.visible()) == 3
    assert engine.ask("select block_size from pragma_database_size()") == [(262_144,)]


def test_a_new_warehouse_keeps_text_in_the_newer_format(engine: Engine) -> None:
    engine.load(*A)
    told = engine.ask(
        "select tags['storage_version'] from duckdb_databases() where path is not null"
    )
    assert told == [("v1.4.0+",)]


def test_values_that_look_like_sql_are_only_values(
    home: Path, write: Write, tmp_path: Path
) -> None:
    columns = [
        {**c, "pattern": ".*"} if c["name"] == "commodity_code" else c for c in TOY["columns"]
    ]
    engine = Engine(home, write, toy(tmp_path / "c", columns=columns))
    evil = "'); drop table ledger.loads; --"
    landed = engine.load(f"Russia,2021-01,{evil},1,", name="x'; drop table y.csv")
    assert engine.visible() == [("RUS", evil, 1)]
    assert landed.manifest.origin == "x'; drop table y.csv"


def test_a_newer_schema_version_is_refused(engine: Engine) -> None:
    engine.load(*A)
    with duckdb.connect(engine.home / FILE) as connection:
        connection.execute("update ledger.meta set schema_version = 99")
    with pytest.raises(SchemaTooNew, match="version 99"), engine.open():
        pass


def test_a_busy_lock_names_its_holder_and_is_free_afterwards(home: Path) -> None:
    import multiprocessing

    held, go = multiprocessing.Event(), multiprocessing.Event()
    process = multiprocessing.get_context("fork").Process(target=_hold, args=(home, held, go))
    process.start()
    try:
        assert held.wait(10)
        with pytest.raises(LockTimeout, match=f"process {process.pid}"), writer_lock(home, 0.2):
            pass
    finally:
        process.kill()
        process.join()
    with writer_lock(home, 5):
        pass


def _hold(home: Path, held: Any, go: Any) -> None:
    with writer_lock(home, 5):
        held.set()
        go.wait(60)


def _narrow(engine: Engine, scope: dict[str, list[str]], *entries: str) -> Landed:
    landed = land(engine.contract, engine.write("n.csv", rows(*entries)), engine.home, scope)
    judged(landed)
    engine.commit()
    return landed


CHAPTERS = ("Russia,2021-01,8703,1,", "Russia,2021-01,8704,2,", "Russia,2021-01,8601,3,")


def test_a_narrower_load_leaves_the_rest_of_its_slice_in_place(engine: Engine) -> None:
    engine.load(*CHAPTERS)
    _narrow(engine, {"commodity_code": ["87"]}, "Russia,2021-01,8703,9,")
    assert engine.visible() == [("RUS", "8601", 3), ("RUS", "8703", 9)]
    assert engine.visible("1") == [("RUS", "8601", 3), ("RUS", "8703", 1), ("RUS", "8704", 2)]


def test_a_narrower_load_sent_again_changes_nothing(engine: Engine) -> None:
    engine.load(*CHAPTERS)
    _narrow(engine, {"commodity_code": ["87"]}, "Russia,2021-01,8703,9,")
    before = engine.decisions()
    again = _narrow(engine, {"commodity_code": ["87"]}, "Russia,2021-01,8703,9,")
    assert engine.decisions() == before
    assert not again.folder.exists()


def test_two_narrow_scopes_that_overlap_are_resolved_row_by_row(engine: Engine) -> None:
    engine.load(*CHAPTERS)
    _narrow(engine, {"commodity_code": ["87"]}, "Russia,2021-01,8703,9,", "Russia,2021-01,8704,8,")
    _narrow(engine, {"commodity_code": ["8704", "86"]}, "Russia,2021-01,8601,7,")
    assert engine.visible() == [("RUS", "8601", 7), ("RUS", "8703", 9)]


def test_a_whole_slice_replaces_all_its_narrow_parts(engine: Engine) -> None:
    engine.load(*CHAPTERS)
    _narrow(engine, {"commodity_code": ["87"]}, "Russia,2021-01,8703,9,")
    engine.load(*CHAPTERS)
    assert engine.visible() == [("RUS", "8601", 3), ("RUS", "8703", 1), ("RUS", "8704", 2)]


def test_withdrawing_a_carved_load_takes_all_of_it_away(engine: Engine) -> None:
    wide = engine.load(*CHAPTERS).manifest.load_id
    _narrow(engine, {"commodity_code": ["87"]}, "Russia,2021-01,8703,9,")
    side.ask(engine.home, "withdraw", wide, "wrong", "me")
    engine.commit()
    assert engine.visible() == [("RUS", "8703", 9)]


def test_a_row_outside_the_declared_scope_refuses_the_load(engine: Engine) -> None:
    with pytest.raises(SourceRefused, match=r"row 1 .*outside the scope"):
        _narrow(engine, {"commodity_code": ["87"]}, "Russia,2021-01,8601,9,")
