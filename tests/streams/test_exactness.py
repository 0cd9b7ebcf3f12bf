"""Each message once: take-overs, overtaken batches, topics made anew, brokers that stand behind."""

import time

import pytest

from dvina import pipeline
from dvina.streaming.batches import judge, land
from dvina.streaming.epochs import begin_epoch
from ingest.contract import load_contract
from ingest.steps import STEPS
from ingest.streams.landing import Messages
from ingest.streams.positions import Span, StreamPart
from tests.streams.broker import DATASET, Broker, declaration, send, topic
from tests.streams.conftest import Streaming
from warehouse.lock import writer_lock
from warehouse.seal import Sealer


def _messages(start: int, end: int, topic_id: str = "one", epoch: int = 1) -> Messages:
    import json

    import numpy as np

    payloads = [json.dumps(declaration(n)).encode() for n in range(start, end)]
    part = StreamPart("customs.declarations", topic_id, epoch, (Span(0, start, end),))
    where = np.zeros(len(payloads), np.int64), np.arange(start, end)
    return Messages(part, payloads, *where)


def _land(streaming: Streaming, messages: Messages) -> str:
    contract = load_contract(DATASET)
    landed = land(streaming.settings, contract, messages, Sealer())
    assert judge(contract, landed) == "passed"
    return landed.manifest.load_id


def _folders(streaming: Streaming) -> list[str]:
    return sorted(p.name for p in (streaming.home / "landing" / DATASET).glob("*"))


@pytest.fixture
def quiet(streaming: Streaming) -> Streaming:
    """A home without a running service; batches are landed by hand."""
    assert "stream.landed" in STEPS
    return streaming


def test_a_batch_that_was_overtaken_is_given_up_and_one_that_is_early_waits(
    quiet: Streaming,
) -> None:
    first = _land(quiet, _messages(0, 10))
    overtaken = _land(quiet, _messages(0, 5))
    later = _land(quiet, _messages(20, 30))
    pipeline.commit(quiet.settings)
    assert overtaken not in _folders(quiet), "what another had committed was kept"
    assert _folders(quiet) == [first, later]
    assert len(quiet.accepted()) == 10
    _land(quiet, _messages(10, 20))
    pipeline.commit(quiet.settings)
    pipeline.commit(quiet.settings)
    assert len(quiet.accepted()) == 30
    assert quiet.ask("select count(*), count(distinct _row) from raw.customs_declarations") == [
        (30, 30)
    ]


def test_a_batch_of_another_topic_of_the_same_name_is_given_up(quiet: Streaming) -> None:
    _land(quiet, _messages(0, 10))
    _land(quiet, _messages(10, 20, topic_id="two"))
    pipeline.commit(quiet.settings)
    assert len(quiet.accepted()) == 10
    assert len(_folders(quiet)) == 1


def test_rows_survive_a_rebuild_of_the_warehouse(quiet: Streaming) -> None:
    from warehouse.backup import rebuild

    for start in (0, 10):
        _land(quiet, _messages(start, start + 10))
    pipeline.commit(quiet.settings)
    before = quiet.accepted()
    assert len(before) == 20
    (quiet.home / "warehouse.duckdb").unlink()
    rebuild(quiet.home, load_contract)
    assert quiet.accepted() == before
    assert quiet.ask("select max(next_offset) from ledger.positions") == [(20,)]


def test_the_same_message_twice_and_out_of_order_leaves_the_greatest_version(
    broker: Broker, streaming: Streaming
) -> None:
    late = declaration(1, version=2, value_usd=9)
    send(broker, declaration(1, version=3, value_usd=7), declaration(2))
    streaming.drain()
    send(broker, late, declaration(2), declaration(2))
    streaming.drain()
    rows = streaming.ask(
        "select declaration_id, version_number, value_usd::int from "
        "accepted.customs_declarations_as_of(1000000) order by 1"
    )
    assert rows == [("10702070/000000001", 3, 7), ("10702070/000000002", 1, 2)]


def test_landing_goes_on_while_another_holds_the_lock(broker: Broker, streaming: Streaming) -> None:
    send(broker, declaration(0))
    streaming.drain()
    stop = streaming.start()
    try:
        time.sleep(4)  # joins the group
        with writer_lock(streaming.home, 20):
            for n in range(1, 4):
                send(broker, declaration(n))
                time.sleep(1.2)
            deadline = time.monotonic() + 20
            while len(_folders(streaming)) < 3 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert len(_folders(streaming)) >= 3, "landing waited for the lock"
        deadline = time.monotonic() + 20
        while len(streaming.accepted()) < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        stop()
    assert len(streaming.accepted()) == 4


def test_a_topic_made_anew_stops_with_a_command_and_goes_on_in_a_new_epoch(
    broker: Broker, streaming: Streaming
) -> None:
    send(broker, *(declaration(n) for n in range(8)), partition=0)
    streaming.drain()
    broker.remove_topic(topic())
    broker.make_topic(topic())
    send(broker, *(declaration(n) for n in range(100, 103)), partition=0)
    (trouble,) = streaming.drain()
    assert "made anew" in trouble
    assert "dvina stream --new-epoch customs.declarations" in trouble
    assert len(streaming.accepted()) == 8
    assert "epoch 2" in begin_epoch(streaming.settings, topic(), "a test")[0]
    assert streaming.drain() == []
    assert len(streaming.accepted()) == 11


def test_a_broker_that_stands_before_our_position_stops_the_partition(
    broker: Broker, streaming: Streaming
) -> None:
    send(broker, *(declaration(n) for n in range(8)), partition=0)
    send(broker, declaration(50), partition=1)
    streaming.drain()
    # as if the broker had lost its newest messages
    streaming.ask('update ledger.positions set next_offset = 1000 where "partition" = 0')
    send(broker, declaration(51), partition=1)
    (trouble,) = streaming.drain()
    assert ":0: " in trouble
    assert "1000" in trouble
    assert len(streaming.accepted()) == 10, "the other partition goes on"
