"""A process killed at each step of a micro-batch's way: the next run has every message once."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dvina import pipeline
from dvina.settings import Settings
from dvina.streaming.batches import judge, land
from expectations.gate import warm
from ingest.contract import load_contract
from ingest.steps import STEPS
from ingest.streams.landing import Messages
from ingest.streams.positions import Span, StreamPart
from tests.reliability.processes import Nursery, nursery_in
from tests.streams.broker import DATASET, declaration
from warehouse import positions
from warehouse.database import open_warehouse
from warehouse.lock import writer_lock

ON_THE_WAY = tuple(
    step for step in STEPS if step.split(".")[0] in ("stream", "gate", "commit")
    and step != "commit.superseding"
)  # fmt: skip
COUNT = 40


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    warm()
    with nursery_in(tmp_path_factory.mktemp("children")) as nursery:
        yield nursery


def consumer(home: Path) -> Callable[[], int]:
    """What a consumer does: begins where the warehouse stands, reads to the end in two batches."""

    def work() -> int:
        settings, contract = Settings(home=home, lock_wait_s=20), load_contract(DATASET)
        pipeline.clean_up(settings)
        pipeline.commit(settings)
        with writer_lock(home, 20), open_warehouse(home) as connection:
            told = positions.standing(connection, DATASET)
        start = told[topic]["next"]["0"] if told else 0
        for at in range(start, COUNT, 20):
            span = Span(0, at, min(at + 20, COUNT))
            judge(contract, land(settings, contract, _messages(span)))
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


def _messages(span: Span) -> Messages:
    offsets = np.arange(span.start, span.next)
    payloads = [
        b"poison" if n in (7, 27) else json.dumps(declaration(n)).encode() for n in offsets.tolist()
    ]
    part = StreamPart("customs.declarations", "one", 1, (span,))
    return Messages(part, payloads, np.zeros(len(offsets), np.int64), offsets)
