"""What the stream service tells of itself: Prometheus metrics, health and readiness, on loopback.

``/health`` is 200 while the threads turn over, ``/ready`` while partitions are read and none is
stopped; both say in words what is amiss.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

Ask = Callable[[], list[str]]  # what is amiss, in words; nothing where all is well
_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300)


class Metrics:
    """The service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        by, part = ["dataset"], ["dataset", "topic", "partition"]
        self.lag = self._gauge("consumer_lag_messages", "Messages not committed yet.", part)
        self.position = self._gauge("position_offset", "Offset that is committed next.", part)
        self.stopped = self._gauge("partition_stopped", "1 where a partition is stopped.", part)
        self.waiting = self._gauge("waiting_batches", "Landed, not committed micro-batches.", by)
        self.newest = self._gauge("newest_row_timestamp_seconds", "When it was produced.", by)
        self.lock_wait = self._gauge("lock_wait_seconds", "Present wait for the lock.", [])
        self.rows = self._counter("rows", "Rows committed.", by)
        self.quarantined = self._counter("quarantined_rows", "Rows quarantined.", by)
        self.rejected = self._counter("rejected_batches", "Micro-batches the gate rejected.", by)
        self.overtaken = self._counter("overtaken_batches", "Given up; they are read again.", by)
        self.latency = Histogram(
            "dvina_stream_commit_latency_seconds", "First message read to commit.", by,
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip

    def _gauge(self, name: str, what: str, labels: list[str]) -> Gauge:
        return Gauge(f"dvina_stream_{name}", what, labels, registry=self.registry)

    def _counter(self, name: str, what: str, labels: list[str]) -> Counter:
        return Counter(f"dvina_stream_{name}", what, labels, registry=self.registry)


@contextmanager
def served(metrics: Metrics, port: int, health: Ask, ready: Ask) -> Iterator[int]:
    """Serve on 127.0.0.1 while the body runs; gives the port (asked for with 0: any free)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(metrics.registry))
            elif self.path in ("/health", "/ready"):
                amiss = (health if self.path == "/health" else ready)()
                self._answer(503 if amiss else 200, "\n".join(amiss or ["well"]).encode())
            else:
                self._answer(404, b"/metrics, /health and /ready")

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of each request."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="dvina-http", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
