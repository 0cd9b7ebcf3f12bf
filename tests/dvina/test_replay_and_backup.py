"""Quarantine replay, backup, restore and the rebuild of a lost warehouse, with the real gate."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvina import pipeline
from dvina.replay import replay
from dvina.settings import Settings
from ingest.contract import _load, load_contract
from tests.support import TOY, rows
from warehouse import side
from warehouse.backup import backup, rebuild, restore
from warehouse.database import FILE, open_warehouse
from warehouse.errors import BackupFailed
from warehouse.lock import writer_lock

Write = Callable[[str, str | bytes], Path]
GOOD = ("Belarus,2021-01,8703,1,", "Russia,2021-01,8704,2,")
BAD = ("Russia,2021-01,8601,n/a,", "Atlantis,2021-01,8703,5,", "Russia,2021-02,8703,n/a,")


class Installation:
    """A home with a directory of contracts of its own."""

    def __init__(self, home: Path, contracts: Path, write: Write) -> None:
        self.settings = Settings(home=home, inbox=home / "inbox", lock_wait_s=20)
        self.home, self.contracts, self.write = home, contracts, write

    def contract(self, **changes: Any) -> None:
        self.contracts.mkdir(exist_ok=True)
        text = yaml.safe_dump({**TOY, **changes}, sort_keys=False)
        (self.contracts / "toy_flows.yml").write_text(text)
        _load.cache_clear()

    def ingest(self, *entries: str) -> pipeline.Outcome:
        return pipeline.ingest(self.settings, "toy_flows", str(self.write("a.csv", rows(*entries))))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with open_warehouse(self.home) as connection:
            return connection.execute(query).fetchall()

    def visible(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "select reporter_code, period, commodity_code, value_usd::int, _row "
            "from accepted.toy_flows_as_of(100000) order by all"
        )

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        tables = ("raw.toy_flows", "ledger.units", "ledger.decisions", "ledger.loads",
                  "quarantine.rows", "quarantine.replayed", "ledger.events", "ledger.checks")  # fmt: skip
        return {table: self.ask(f"from {table} order by all") for table in tables}


def _nulls_mended() -> list[dict[str, Any]]:
    return [
        {**c, "nulls": ["", "n/a"], "required": False} if c["name"] == "value_usd" else c
        for c in TOY["columns"]
    ]


@pytest.fixture
def toy(home: Path, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("DVINA_CONTRACTS", str(tmp_path / "contracts"))
    installation = Installation(home, tmp_path / "contracts", write)
    installation.contract(limits={"max_quarantined_share": 0.9})
    return installation


def test_after_the_contract_is_mended_only_the_refused_rows_are_driven_again(
    toy: Installation,
) -> None:
    first = toy.ingest(*GOOD, *BAD)
    assert (first.state, first.rows_landed, first.rows_quarantined) == ("accepted", 2, 3)
    toy.contract(version=2, columns=_nulls_mended(), limits={"max_quarantined_share": 0.9})
    (answer,) = replay(toy.settings, "toy_flows")
    assert (answer.driven, answer.passed, answer.left) == (3, 2, 1)
    assert answer.outcome is not None
    assert answer.outcome.state == "accepted"
    assert sorted(row[-1] for row in toy.visible()) == [1, 2, 3, 5]
    entry = side.load(toy.home, answer.outcome.load_id)
    assert entry is not None
    assert entry["replay_of"] == first.load_id
    for load in side.loads(toy.home):
        parts = load["rows_landed"] + load["rows_quarantined"] + load["rows_duplicate"]
        assert load["rows_read"] == parts
    accepted, refused = len(toy.visible()), toy.ask("select count(*) from quarantine.rows")[0][0]
    replayed = toy.ask("select count(*) from quarantine.replayed")[0][0]
    assert accepted + refused - replayed == 5


def test_a_second_replay_finds_only_what_is_still_refused(toy: Installation) -> None:
    toy.ingest(*GOOD, *BAD)
    toy.contract(version=2, columns=_nulls_mended(), limits={"max_quarantined_share": 0.9})
    replay(toy.settings, "toy_flows")
    before = toy.everything()
    (again,) = [a for a in replay(toy.settings, "toy_flows") if a.driven]
    assert (again.driven, again.passed, again.left) == (1, 0, 1)
    assert toy.everything() == before


def test_a_refused_row_whose_key_is_there_already_stays_refused(toy: Installation) -> None:
    toy.ingest(*GOOD, "Belarus,2021-01,8703,n/a,")
    toy.contract(version=2, columns=_nulls_mended(), limits={"max_quarantined_share": 0.9})
    (answer,) = replay(toy.settings, "toy_flows")
    assert (answer.driven, answer.passed, answer.left) == (1, 0, 1)
    assert len(toy.visible()) == 2


def test_replayed_rows_go_with_their_load(toy: Installation) -> None:
    first = toy.ingest(*GOOD, *BAD)
    toy.contract(version=2, columns=_nulls_mended(), limits={"max_quarantined_share": 0.9})
    replay(toy.settings, "toy_flows")
    assert pipeline.request(toy.settings, "withdraw", first.load_id, "a test") is not None
    assert toy.visible() == []


def test_the_mended_file_sent_whole_replaces_load_and_replay(toy: Installation) -> None:
    toy.ingest(*GOOD, *BAD)
    toy.contract(version=2, columns=_nulls_mended(), limits={"max_quarantined_share": 0.9})
    replay(toy.settings, "toy_flows")
    before = toy.visible()
    assert toy.ingest(*GOOD, *BAD).state == "accepted"
    assert toy.visible() == before


def _history(toy: Installation) -> None:
    first = toy.ingest(*GOOD, *BAD)
    toy.ingest("Belarus,2021-01,8703,9,")
    toy.ingest("Belarus,2021-01,8703,bad,", "Belarus,2021-01,8704,bad,")
    pipeline.request(toy.settings, "withdraw", first.load_id, "a test")
    pipeline.request(toy.settings, "accept", first.load_id, "another")
    toy.contract(version=2, columns=_nulls_mended(), limits={"max_quarantined_share": 0.9})
    replay(toy.settings, "toy_flows")


def test_a_lost_warehouse_is_rebuilt_row_by_row_from_the_landing(toy: Installation) -> None:
    _history(toy)
    before = toy.everything()
    assert {"accepted", "rejected", "superseded", "withdrawn"} == {
        row[4] for row in before["ledger.decisions"]
    }
    (toy.home / FILE).unlink()
    assert rebuild(toy.home, load_contract) == len(before["ledger.events"])
    assert toy.everything() == before
    assert [load["load_id"] for load in side.loads(toy.home)] == sorted(
        row[0] for row in before["ledger.loads"]
    )


def test_a_rebuild_never_overwrites_a_warehouse(toy: Installation) -> None:
    toy.ingest(*GOOD)
    with pytest.raises(BackupFailed, match="still there"):
        rebuild(toy.home, load_contract)


def test_a_backup_comes_back_row_by_row_and_without_the_archive(
    toy: Installation, tmp_path: Path
) -> None:
    _history(toy)
    before = toy.everything()
    copy = backup(toy.home, tmp_path / "backups")
    assert not (copy / "archive").exists()
    elsewhere = Installation(tmp_path / "restored", toy.contracts, toy.write)
    restore(copy, elsewhere.home)
    assert elsewhere.everything() == before
    assert elsewhere.ingest(*GOOD).state in ("accepted", "unchanged")


def test_a_damaged_backup_is_refused_before_anything_is_written(
    toy: Installation, tmp_path: Path
) -> None:
    toy.ingest(*GOOD)
    copy = backup(toy.home, tmp_path / "backups")
    next((copy / "landing").rglob("segment-*.parquet")).write_bytes(b"x")
    with pytest.raises(BackupFailed, match="missing or damaged"):
        restore(copy, tmp_path / "restored")
    assert not (tmp_path / "restored" / FILE).exists()
    with pytest.raises(BackupFailed, match="no whole backup"):
        restore(tmp_path, tmp_path / "restored")


def test_a_file_with_refused_rows_sent_again_changes_nothing(toy: Installation) -> None:
    assert toy.ingest(*GOOD, *BAD).state == "accepted"
    before = toy.everything()
    assert toy.ingest(*GOOD, *BAD).state == "unchanged"
    assert toy.everything() == before


def test_a_bad_row_among_slices_that_stand_is_judged_and_not_passed_over(
    toy: Installation,
) -> None:
    toy.ingest(*GOOD)
    bad = toy.ingest(*GOOD, "Russia,2021-02,8703,n/a,")
    assert (bad.state, bad.rows_quarantined) == ("accepted", 1)
    toy.contract(limits={"max_quarantined_share": 0.1})
    worse = toy.ingest(*GOOD, "Russia,2021-02,8703,n/a,")
    assert worse.state == "rejected"
    assert len(toy.visible()) == 2


def test_rows_refused_in_slices_that_stand_can_be_replayed(toy: Installation) -> None:
    toy.ingest(*GOOD)
    toy.ingest(*GOOD, "Russia,2021-02,8703,n/a,")
    toy.contract(version=2, columns=_nulls_mended(), limits={"max_quarantined_share": 0.9})
    (answer,) = replay(toy.settings, "toy_flows")
    assert (answer.driven, answer.passed) == (1, 1)
    assert len(toy.visible()) == 3


def test_what_was_known_at_a_moment_can_be_asked(toy: Installation) -> None:
    toy.ingest(*GOOD)
    (between,) = toy.ask("select max(decided_at) + interval 1 microsecond from ledger.decisions")[0]
    toy.ingest("Belarus,2021-01,8703,9,")
    query = "select max(value_usd)::int from accepted.toy_flows_as_of(ledger.horizon_at({}))"
    assert toy.ask(query.format(f"timestamptz '{between}'")) == [(2,)]
    assert toy.ask(query.format("now()")) == [(9,)]


def test_status_loads_and_requests_answer_while_the_warehouse_is_locked(
    toy: Installation,
) -> None:
    load_id = toy.ingest(*GOOD).load_id
    impatient = toy.settings.model_copy(update={"lock_wait_s": 0.5})
    context = multiprocessing.get_context("fork")
    held, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(toy.home, held, done))
    process.start()
    try:
        assert held.wait(10)
        assert [load["load_id"] for load in side.loads(toy.home)] == [load_id]
        assert side.status(toy.home)["last_decision"] == 2
        assert pipeline.request(impatient, "withdraw", load_id, "a test") is None
    finally:
        done.set()
        process.join(10)
    pipeline.commit(toy.settings)
    assert toy.visible() == []


def _hold(home: Path, held: Any, done: Any) -> None:
    with writer_lock(home, 5):
        held.set()
        done.wait(60)
