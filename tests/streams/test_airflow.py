"""Airflow's side of a topic, with a real broker: how much waits, the wake-up call, the drain."""

import asyncio
from collections.abc import Iterator

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors

from dags import _tasks
from dags._waiting import TopicHasMessages
from dags._wiring import STREAMS, accepted
from dvina.settings import settings
from dvina.streaming.waiting import waiting
from tests.streams.broker import DATASET, SESSION_MS, Broker, declaration, send, topic
from tests.streams.conftest import Streaming


@pytest.fixture
def configured(streaming: Streaming, monkeypatch: pytest.MonkeyPatch) -> Iterator[Streaming]:
    """A home and broker that the tasks see by the environment."""
    known = streaming.settings
    monkeypatch.setenv("DVINA_HOME", str(known.home))
    monkeypatch.setenv("DVINA_BROKERS", known.brokers)
    monkeypatch.setenv("DVINA_STREAM_GROUP", known.stream_group)
    monkeypatch.setenv("DVINA_STREAM_PORT", "0")
    monkeypatch.setenv("DVINA_STREAM_SESSION_MS", str(SESSION_MS))
    settings.cache_clear()
    yield streaming
    settings.cache_clear()


def test_a_topic_wakes_a_drain_that_tells_its_slices(broker: Broker, configured: Streaming) -> None:
    assert {DATASET: topic()} == STREAMS
    assert waiting(topic()) == 0
    trigger = TopicHasMessages(topic=topic(), most_s=1, poll_s=0.5)
    assert _first(trigger)["waiting"] == 0
    send(broker, *(declaration(n) for n in range(30)))
    assert waiting(topic()) >= 1  # this broker's high-water mark is the begin of its last batch
    path, arguments = trigger.serialize()
    assert path == "dags._waiting.TopicHasMessages"
    assert _first(TopicHasMessages(**arguments))["waiting"] == waiting(topic())

    told = OutletEventAccessors()
    assert _tasks.drain(DATASET, 20, outlet_events=told) == 30
    event = told[accepted(DATASET)]
    assert event.partition_keys
    assert event.extra["loads"]
    assert waiting(topic()) == 0
    with pytest.raises(AirflowSkipException, match="no new message"):
        _tasks.drain(DATASET, 3, outlet_events=OutletEventAccessors())
    assert len(configured.accepted()) == 30


def test_a_broker_that_is_away_has_nothing_waiting(
    configured: Streaming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVINA_BROKERS", "127.0.0.1:9")
    monkeypatch.setattr("dvina.streaming.waiting._TIMEOUT_S", 1.0)
    settings.cache_clear()
    assert waiting(topic()) == 0


def _first(trigger: TopicHasMessages) -> dict[str, object]:
    async def first() -> dict[str, object]:
        async for event in trigger.run():
            found: dict[str, object] = event.payload
            return found
        raise AssertionError("it ended in silence")

    return asyncio.run(first())
