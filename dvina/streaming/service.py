"""The stream service: one flow per dataset, one thread that commits, metrics on loopback.

It stops within seconds on SIGTERM and SIGINT. Nothing has to be saved then: what was not
committed is read again from the committed position.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from dvina.pipeline import clean_up, commit
from dvina.settings import Settings
from dvina.streaming.compacting import compact
from dvina.streaming.flow import Flow
from dvina.streaming.metrics import Metrics, served
from expectations.gate import warm
from ingest.contract import dataset_names, load_contract
from ingest.errors import ContractError
from warehouse.errors import LockTimeout

_log = logging.getLogger(__name__)
_STILL_S = 30.0
_COMMIT_WAIT_S = 0.25
_CLEAN_EVERY_S = 60.0


def streamable(datasets: Sequence[str] = ()) -> list[str]:
    """The datasets that have a topic, or those asked for; raises ContractError."""
    asked = list(datasets) or [name for name in dataset_names() if load_contract(name).stream]
    for name in asked:
        if load_contract(name).stream is None:
            raise ContractError(f"{name} has no topic. Add 'stream' to {name}.yml.")
    if not asked:
        raise ContractError("No dataset has a topic.")
    return asked


class Service:
    """All flows of this process; ``run`` returns when it was stopped or all is drained."""

    def __init__(
        self, settings: Settings, datasets: Sequence[str], stop: threading.Event | None = None
    ) -> None:
        self._settings = settings
        self._stop = stop or threading.Event()
        self._due = threading.Event()
        self.metrics = Metrics()
        self.flows = [
            Flow(settings, load_contract(name), self.metrics, self._due.set) for name in datasets
        ]
        self.failures: list[str] = []

    def stop(self) -> None:
        """Ask it to stop."""
        self._stop.set()

    def run(self, *, drain_s: float | None = None, told: bool = True) -> None:
        """Serve until stopped; with ``drain_s`` until all is read, or so many seconds passed."""
        warm()
        clean_up(self._settings)
        until = None if drain_s is None else time.monotonic() + drain_s

        def stops() -> bool:
            return self._stop.is_set() or (until is not None and time.monotonic() > until)

        with (
            served(self.metrics, self._settings.stream_port, self.unwell, self.unready) as port,
            self._committing(),
        ):
            if told:
                names = ", ".join(flow.stream.topic for flow in self.flows)
                print(f"reading {names}; http://127.0.0.1:{port}/metrics", flush=True)
            threads = [
                threading.Thread(target=self._guarded, args=(flow, stops, until is not None))
                for flow in self.flows
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def unwell(self) -> list[str]:
        """What is amiss with the process itself; nothing where all turns over."""
        now = time.time()
        late = [
            f"{flow.contract.dataset}: has not turned over for {now - flow.beat:.0f} s"
            for flow in self.flows
            if flow.beat is not None and now - flow.beat > _STILL_S
        ]
        return [*self.failures, *late]

    def unready(self) -> list[str]:
        """Why it does not read all that it should."""
        idle = [
            f"{flow.contract.dataset}: no partition is assigned"
            for flow in self.flows
            if not flow.reads
        ]
        return [*self.unwell(), *(t for flow in self.flows for t in flow.troubles), *idle]

    def _guarded(self, flow: Flow, stops: Callable[[], bool], drains: bool) -> None:
        try:
            flow.run(stops, lambda: drains)
        except Exception as error:
            _log.exception("%s: the stream ended", flow.contract.dataset)
            self.failures.append(f"{flow.contract.dataset}: {type(error).__name__}: {error}")

    @contextmanager
    def _committing(self) -> Iterator[None]:
        done = threading.Event()
        threads = [
            threading.Thread(target=self._commit_on, args=(done,), name="dvina-commit"),
            threading.Thread(target=self._compact_on, args=(done,), name="dvina-compact"),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            self._due.set()
            for thread in threads:
                thread.join()

    def _compact_on(self, done: threading.Event) -> None:
        """Merge the micro-batches of hours that are over, now and then."""
        while not done.wait(self._settings.stream_compact_every_s):
            for flow in self.flows:
                try:
                    before, after = compact(self._settings, flow.contract.dataset)
                    if before:
                        _log.info("%s: %d batches became %d", flow.contract.dataset, before, after)
                except LockTimeout:
                    pass  # the next time will do
                except Exception:
                    _log.exception("%s: not compacted; nothing is lost", flow.contract.dataset)

    def _commit_on(self, done: threading.Event) -> None:
        """Commit what was judged, as soon as the lock is free; landing does not wait for it."""
        waiting_since: float | None = None
        while not done.is_set():
            if waiting_since is None:
                self._due.wait(1.0)
            self._due.clear()
            try:
                commit(self._settings, _COMMIT_WAIT_S)
                waiting_since = None
            except LockTimeout:
                waiting_since = waiting_since or time.monotonic()
            except Exception:
                _log.exception("a commit failed; what was landed is kept")
                waiting_since = None
                done.wait(1.0)
            wait = time.monotonic() - waiting_since if waiting_since else 0.0
            self.metrics.lock_wait.set(wait)


def serve(settings: Settings, datasets: Sequence[str], drain_s: float | None = None) -> list[str]:
    """Run the service in the main thread until a signal; gives what went wrong, in words."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    for noisy in ("great_expectations", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    service = Service(settings, streamable(datasets), stop)
    service.run(drain_s=drain_s)
    stopped = [trouble for flow in service.flows for trouble in flow.troubles]
    return [*service.failures, *stopped] if drain_s is not None else service.failures
