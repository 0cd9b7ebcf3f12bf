"""Airflow's servers start on loopback behind a password, run a task, and end without a leftover."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from dvina import serving

pytestmark = pytest.mark.long


@pytest.fixture
def served(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    monkeypatch.setenv("DVINA_HOME", str(home))
    monkeypatch.setenv("DVINA_INBOX", str(home / "inbox"))
    monkeypatch.setenv(serving.PORT_VARIABLE, "0")
    try:
        yield home, serving.up(home)
    finally:
        serving.down(home)


def test_servers_run_a_dag_on_loopback_and_leave_nothing(served: tuple[Path, str]) -> None:
    home, address = served
    place = home / "airflow-server"
    assert (place / "passwords.json").stat().st_mode & 0o077 == 0
    api = httpx.Client(base_url=address, timeout=20)
    assert api.get("/api/v2/dags").status_code == 401
    wrong = {"username": "admin", "password": "guess"}
    assert api.post("/auth/token", json=wrong).status_code == 401
    right = {**wrong, "password": json.loads((place / "passwords.json").read_text())["admin"]}
    token = api.post("/auth/token", json=right).json()["access_token"]
    api.headers["Authorization"] = f"Bearer {token}"
    _until(lambda: api.get("/api/v2/dags").json()["total_entries"] >= 8)
    assert api.get("/api/v2/importErrors").json()["total_entries"] == 0

    api.patch("/api/v2/dags/watch_quality", json={"is_paused": False}).raise_for_status()
    began = api.post("/api/v2/dags/watch_quality/dagRuns", json={"logical_date": None})
    run = f"/api/v2/dags/watch_quality/dagRuns/{began.raise_for_status().json()['dag_run_id']}"
    _until(lambda: api.get(run).json()["state"] in ("success", "failed"))
    assert api.get(run).json()["state"] == "success"

    members = serving._members(place)
    assert len(members) >= 4
    heard = [c.laddr.ip for p in members for c in p.net_connections() if c.status == "LISTEN"]
    assert heard
    assert set(heard) == {"127.0.0.1"}
    with pytest.raises(OSError, match="runs already"):
        serving.up(home)

    scheduler = json.loads((place / "pids.json").read_text())["scheduler"][0]
    psutil.Process(scheduler).kill()  # its children become orphans
    assert serving.down(home) >= 3
    assert _of_home(str(home)) == []
    assert serving.down(home) == 0


def _of_home(home: str) -> list[int]:
    """Processes that open files there, or were told of it, apart from this one."""
    found = []
    for process in psutil.process_iter():
        try:
            told = process.environ().get("DVINA_HOME") == home
            opened = any(file.path.startswith(home) for file in process.open_files())
        except psutil.Error:
            continue
        if (told or opened) and process.pid != os.getpid():
            found.append(process.pid)
    return found


def _until(holds: object, seconds: float = 120) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)
