"""A process killed at each step of a micro-batch's way: the next run has every message once."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from dvina import pipeline
from dvina.settings import Settings
from dvina.streaming.batches import judge, land
from dvina.streaming.compacting import compact
from expectations.gate import warm
from ingest.contract import load_contract
from ingest.steps import STEPS
from ingest.streams.landing import Messages
from ingest.streams.positions import Span, StreamPart
from tests.reliability.processes import Nursery, nursery_in
from tests.streams.broker import DATASET, declaration
from warehouse import positions, side
from warehouse.backup import rebuild
from warehouse.database import open_warehouse
from warehouse.lock import writer_lock
from warehouse.seal import Sealer

ON_THE_WAY = tuple(
    step for step in STEPS if step.split(".")[0] in ("stream", "gate", "commit")
    and step != "commit.superseding"
)  # fmt: skip
MERGING = tuple(step for step in STEPS if step.startswith("compact."))
COUNT = 40


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    warm()
    with nursery_in(tmp_path_factory.mktemp("children")) as nursery:
        yield nursery


def consumer(home: Path, step: int = 20, end: int = COUNT) -> Callable[[], int]:
    """What a consumer does: begins where the warehouse stands, reads to the end batch by batch."""

    def work() -> int:
        settings, contract = Settings(home=home, lock_wait_s=20), load_contract(DATASET)
        pipeline.clean_up(settings)
        pipeline.commit(settings)
        with writer_lock(home, 20), open_warehouse(home) as connection:
            told = positions.standing(connection, DATASET)
        start = told[topic]["next"]["0"] if told else 0
        sealer = Sealer()
        for at in range(start, end, step):
            span = Span(0, at, min(at + step, end))
            judge(contract, land(settings, contract, _messages(span), sealer))
            pipeline.commit(settings)
        return start

    topic = "customs.declarations"
    return work


@pytest.mark.parametrize("step", ON_THE_WAY)
def test_a_stream_killed_at_a_step_has_every_message_once_after_the_next_run(
    step: str, nursery: Nursery, home: Path
) -> None:
    assert nursery.run(consumer(home), {"DVINA_KILL_AT": f"{step}:2"}).killed, step
    nursery.run(consumer(home)).answer()
    assert nursery.run(consumer(home)).answer() == COUNT, "the position is not at the end"
    with open_warehouse(home) as connection:
        (found,) = connection.execute(
            "select count(*), count(distinct declaration_id) from raw.customs_declarations"
        ).fetchall()
        (refused,) = connection.execute("select count(*) from quarantine.rows").fetchall()
    assert found == (COUNT - 2, COUNT - 2)
    assert refused == (2,)
    assert list((home / "landing" / ".work").glob("*")) == []


@pytest.fixture(scope="module")
def streamed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with micro-batches that may be merged."""
    home = tmp_path_factory.mktemp("streamed") / "home"
    nursery.run(consumer(home, step=5)).answer()
    return home


@pytest.mark.parametrize("step", MERGING)
def test_a_compaction_killed_at_a_step_changes_nothing_and_is_finished_by_the_next(
    step: str, nursery: Nursery, streamed: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(streamed, home)
    before = _facts(home)
    assert len(before["loads"]) == COUNT // 5
    ended = nursery.run(lambda: _compact(home), {"DVINA_KILL_AT": step})
    assert ended.killed, f"{step} was not reached\n{ended.error}\n{ended.printed}"
    between = _facts(home)
    assert between["rows"] == before["rows"]
    nursery.run(lambda: _commit(home)).answer()
    nursery.run(lambda: _compact(home)).answer()
    after = _facts(home)
    assert after["rows"] == before["rows"]
    assert after["refused"] == before["refused"]
    assert after["next"] == before["next"]
    (load,) = after["loads"]
    assert load[1:] == (COUNT, COUNT - 2, 2)
    assert [p.name for p in (home / "landing" / DATASET).glob("*")] == [load[0]]
    assert side.known_loads(home) == {load[0]}
    assert [event["load_id"] for event in side.journal(home)] == [load[0]]
    assert list((home / "landing" / ".work").glob("*")) == []
    check_batches(home / "landing" / DATASET / load[0])


def test_after_compaction_the_stream_goes_on_and_the_warehouse_can_be_rebuilt(
    nursery: Nursery, streamed: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(streamed, home)
    assert nursery.run(lambda: _compact(home)).answer() == (COUNT // 5, 1)
    assert nursery.run(lambda: _compact(home)).answer() == (0, 0)
    assert nursery.run(consumer(home, end=COUNT + 10)).answer() == COUNT
    before = _facts(home)
    assert len(before["rows"]) == COUNT + 10 - 2
    (home / "warehouse.duckdb").unlink()
    nursery.run(lambda: rebuild(home, load_contract)).answer()
    assert _facts(home) == before
    assert nursery.run(lambda: _compact(home)).answer() == (2, 1)
    files = [p for p in home.rglob("*") if p.is_file() and ".spill" not in p.parts]
    assert len(files) < 25, sorted(str(p.relative_to(home)) for p in files)


def check_batches(folder: Path) -> None:
    """The offsets of every batch are kept."""
    kept = pq.read_table(folder / "batches.parquet").to_pylist()
    assert sorted((b["start_offset"], b["next_offset"]) for b in kept) == [
        (at, at + 5) for at in range(0, COUNT, 5)
    ]


def _compact(home: Path) -> tuple[int, int]:
    later = datetime.now(UTC) + timedelta(seconds=1)
    return compact(Settings(home=home, lock_wait_s=20), DATASET, later)


def _commit(home: Path) -> None:
    settings = Settings(home=home, lock_wait_s=20)
    pipeline.clean_up(settings)
    pipeline.commit(settings)


def _facts(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    queries = {
        "rows": f"select * from accepted.{DATASET}_as_of(1000000) order by all",
        "refused": "select row, rule, source::varchar from quarantine.rows order by all",
        "loads": "select load_id, rows_read, rows_landed, rows_quarantined from ledger.loads "
        "order by all",
        "next": 'select "partition", max(next_offset) from ledger.positions group by 1',
    }
    queries["rows"] = f"select * exclude (_load_id, _unit_id) from ({queries['rows']}) order by all"
    with open_warehouse(home) as connection:
        return {name: connection.execute(sql).fetchall() for name, sql in queries.items()}


def _messages(span: Span) -> Messages:
    offsets = np.arange(span.start, span.next)
    payloads = [
        b"poison" if n in (7, 27) else json.dumps(declaration(n)).encode() for n in offsets.tolist()
    ]
    part = StreamPart("customs.declarations", "one", 1, (span,))
    return Messages(part, payloads, np.zeros(len(offsets), np.int64), offsets)
