"""The service reads half an hour long: its memory stays flat, and every message stands once.

DVINA_SOAK_MINUTES sets another length. The figures are printed.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.conftest import PROJECT
from tests.streams.broker import free_port, running_broker, topic
from warehouse.database import open_warehouse

MINUTES = float(os.environ.get("DVINA_SOAK_MINUTES", "30"))
RATE, PARTITIONS, EVERY_S = 500, 3, 10
DVINA = Path(sys.executable).parent / "dvina"


@contextmanager
def _running(
    environment: dict[str, str], output: Path, *arguments: str
) -> Iterator[psutil.Process]:
    """A command of ours; SIGTERM ends it well."""
    with output.open("wb") as printed:
        process = subprocess.Popen(
            [DVINA, *arguments], env=environment, cwd=PROJECT, stdout=printed
        )
    try:
        yield psutil.Process(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
@pytest.mark.timeout(int(MINUTES * 60) + 900)
def test_memory_stays_flat_over_half_an_hour(tmp_path: Path, home: Path) -> None:
    resident: list[float] = []
    with running_broker(tmp_path / "broker") as broker:
        broker.make_topic(topic(), PARTITIONS)
        environment = os.environ | {
            "DVINA_HOME": str(home),
            "DVINA_BROKERS": broker.address,
            "DVINA_STREAM_PORT": str(free_port()),
        }
        # The broker of the tests is slow where it holds very many batches: they are larger here.
        simulation = environment | {"DVINA_KAFKA_LINGER_MS": "250"}
        with (
            _running(environment, tmp_path / "stream", "stream") as service,
            _running(simulation, tmp_path / "simulate", "simulate", "--rate", str(RATE)),
        ):
            end = time.monotonic() + MINUTES * 60
            while time.monotonic() < end:
                time.sleep(EVERY_S)
                resident.append(service.memory_info().rss / 2**20)
        # On a busy machine some are left.
        drained = subprocess.run(
            [DVINA, "stream", "--drain", "600"], env=environment, cwd=PROJECT, check=False
        )
        assert drained.returncode == 0
    sent = int((tmp_path / "simulate").read_text().split()[0])
    with open_warehouse(home) as connection:
        read = connection.execute("select sum(rows_read)::bigint from ledger.loads").fetchall()
        loads = connection.execute("select count(*)::bigint from ledger.loads").fetchall()
    quarter = max(1, len(resident) // 4)
    early, late = (
        statistics.median(part) for part in (resident[quarter : 2 * quarter], resident[-quarter:])
    )
    files = sum(1 for path in (home / "landing").rglob("*") if path.is_file())
    print(
        f"{MINUTES:g} minutes: {sent} messages, {loads[0][0]} loads, {files} files in the landing; "
        f"resident MB early {early:.0f}, late {late:.0f}, most {max(resident):.0f}"
    )
    assert sent > MINUTES * 60 * RATE * 0.5
    assert read == [(sent,)]
    assert late <= 1.1 * early
