"""Airflow's servers as ``make up`` starts them, driven by their REST API behind the password."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from dvina import serving

_ENDED = ("success", "failed")


class Served:
    """A running Airflow, its home, and a client that has logged in."""

    def __init__(self, home: Path, address: str) -> None:
        self.home, self.address = home, address
        self.password = json.loads((home / "airflow-server/passwords.json").read_text())["admin"]
        self._api = httpx.Client(base_url=address, timeout=30)
        wish = {"username": "admin", "password": self.password}
        token = self._api.post("/auth/token", json=wish).raise_for_status().json()["access_token"]
        self._api.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> Any:
        """What a GET answers."""
        return self._api.get(f"/api/v2/{path}", params=query).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What a POST answers."""
        answer = self._api.post(f"/api/v2/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def unpause(self, *dag_ids: str) -> None:
        """Let DAGs run."""
        for dag_id in dag_ids:
            self._api.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Start a run by hand; its name."""
        body = {"logical_date": None, "conf": conf}
        return str(self.post(f"dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG, oldest first."""
        found: list[dict[str, Any]] = self.get(f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        return sorted(found, key=lambda run: str(run["run_after"]))

    def ended(self, dag_id: str, run_id: str, seconds: float = 240) -> str:
        """Wait for a run; its state."""
        path = f"dags/{dag_id}/dagRuns/{run_id}"
        until(
            lambda: self.get(path)["state"] in _ENDED, seconds, lambda: self.tasks(dag_id, run_id)
        )
        return str(self.get(path)["state"])

    def quiet(self, dag_id: str, least: int = 1, seconds: float = 240) -> list[dict[str, Any]]:
        """Wait until a DAG had so many runs and all of them ended; the runs."""

        def rests() -> bool:
            states = [run["state"] for run in self.runs(dag_id)]
            return len(states) >= least and set(states) <= set(_ENDED)

        until(rests, seconds, lambda: self.runs(dag_id))
        return self.runs(dag_id)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, tuple[str, int]]:
        """State and number of tries of each task of a run; mapped ones with their index."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return {
            ti["task_id"] + (f".{ti['map_index']}" if ti["map_index"] >= 0 else ""): (
                ti["state"], ti["try_number"],
            )
            for ti in self.get(path, limit=100)["task_instances"]
        }  # fmt: skip

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """The log of one try of a task."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        return json.dumps(self.get(path)["content"])


@contextmanager
def airflow(home: Path) -> Iterator[Served]:
    """Airflow's servers, and their end; every process of theirs is gone afterwards."""
    before = set(psutil.pids())
    try:
        yield Served(home, serving.up(home))
    finally:
        serving.down(home)
        assert left_of(home, before) == []


def left_of(home: Path, before: set[int]) -> list[tuple[int, str]]:
    """Processes that began meanwhile and were told of the home, or hold one of its files open."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid in before or process.status() == psutil.STATUS_ZOMBIE:
                continue
            told = process.environ().get("DVINA_HOME") == str(home)
            if told or any(file.path.startswith(str(home)) for file in process.open_files()):
                found.append((process.pid, " ".join(process.cmdline())[:200]))
        except psutil.Error:
            continue
    return found


def until(holds: Callable[[], bool], seconds: float, seen: Callable[[], object] = str) -> None:
    """Wait until it holds; what is seen instead is told when it takes too long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, seen()
        time.sleep(0.5)
