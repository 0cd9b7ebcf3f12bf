"""A broker for all tests of a module, a topic made anew for each test, and the service."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dvina.settings import Settings
from dvina.streaming.service import Service
from tests.streams.broker import DATASET, SESSION_MS, Broker, running_broker, topic
from warehouse.database import open_warehouse
from warehouse.lock import writer_lock


@pytest.fixture(scope="module")
def broker_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def broker(broker_process: Broker) -> Iterator[Broker]:
    """A broker with an empty topic of declarations."""
    broker_process.make_topic(topic())
    yield broker_process
    broker_process.remove_topic(topic())


class Streaming:
    """A home whose stream service runs in this process."""

    def __init__(self, home: Path, broker: Broker, group: str) -> None:
        self.home = home
        self.settings = Settings(
            home=home, inbox=home / "inbox", lock_wait_s=20, brokers=broker.address,
            stream_group=group, stream_port=0, stream_session_ms=SESSION_MS,
        )  # fmt: skip

    def service(self) -> Service:
        return Service(self.settings, [DATASET])

    def drain(self, seconds: float = 30) -> list[str]:
        """Read all there is, in this thread; gives what stopped."""
        service = self.service()
        service.run(drain_s=seconds, told=False)
        assert service.unwell() == []
        return [trouble for flow in service.flows for trouble in flow.troubles]

    def start(self) -> Callable[[], None]:
        """Run in a thread; gives what stops it."""
        service = self.service()
        thread = threading.Thread(target=service.run, kwargs={"told": False})
        thread.start()

        def stop() -> None:
            service.stop()
            thread.join(30)
            assert not thread.is_alive()

        return stop

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with writer_lock(self.home, 20), open_warehouse(self.home) as connection:
            return connection.execute(query).fetchall()

    def accepted(self) -> list[tuple[Any, ...]]:
        return self.ask(f"from accepted.{DATASET}_as_of(1000000) order by declaration_id")


@pytest.fixture
def streaming(home: Path, broker: Broker, request: pytest.FixtureRequest) -> Streaming:
    return Streaming(home, broker, f"dvina-{request.node.name[:80]}")
